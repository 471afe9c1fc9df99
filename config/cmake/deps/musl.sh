# The mathematical functions of the language inside flows, and nothing else of musl. glibc has four of each, one
# per kind of CPU, with results that differ in the last bit: here an expression gives the same on every machine,
# and 200 KB are saved.
version=1.2.3-1
series=1.2.

build() {
  local name objects=() keep=()
  local public="acos acosh asin asinh atan atan2 atanh cbrt cos cosh exp expm1 fmod hypot log log10 log1p log2
    pow sin sinh tan tanh"
  local inner="__cos __cosdf __expo2 __math_divzero __math_invalid __math_oflow __math_uflow __math_xflow
    __rem_pio2 __rem_pio2_large __sin __tan exp_data log2_data log_data pow_data scalbn"
  CFLAGS=$flags ./configure --disable-shared --prefix=/nowhere
  for name in $public $inner; do objects+=("obj/src/math/$name.o"); done
  for name in $public; do keep+=("--keep-global-symbol=$name"); done
  make -j "$jobs" "${objects[@]}"
  # One object, of which only the functions themselves can be seen: glibc has internal names that are the same.
  ld -r -o math.o "${objects[@]}"
  objcopy "${keep[@]}" math.o
  ar rcs "$prefix/lib/libmuslmath.a" math.o
}
