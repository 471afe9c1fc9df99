# The journal's store. Debian's package has no amalgamation, but makes it (tclsh, 9 s).
#
# THREADSAFE=2: a connection belongs to one thread at a time, so no connection needs its own mutex.
# HAVE_FDATASYNC and HAVE_USLEEP are what configure would find out: without the first SQLite syncs the
# metadata with every commit, without the second it waits in whole seconds.
version=3.46.1-7+deb13u2
series=3.46.

sqlite_flags="
  -DSQLITE_THREADSAFE=2 -DSQLITE_DQS=0 -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DEFAULT_WAL_SYNCHRONOUS=2
  -DSQLITE_DEFAULT_FOREIGN_KEYS=1 -DSQLITE_TEMP_STORE=2 -DSQLITE_MAX_EXPR_DEPTH=200 -DSQLITE_STRICT_SUBTYPE=1
  -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_USE_ALLOCA
  -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_DBSTAT_VTAB
  -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_SHARED_CACHE
  -DHAVE_FDATASYNC=1 -DHAVE_USLEEP=1 -DHAVE_LOCALTIME_R=1 -DHAVE_GMTIME_R=1 -DHAVE_STRCHRNUL=1 -DHAVE_MALLOC_USABLE_SIZE=1
  -DHAVE_PREAD=1 -DHAVE_PWRITE=1"

build() {
  ./configure --disable-shared --disable-tcl --disable-readline
  make sqlite3.c
  flags=${flags/-O2/-Os}  # a third smaller; what a commit costs is the disk
  $CC $flags -fno-strict-aliasing $sqlite_flags -c sqlite3.c -o sqlite3.o
  ar rcs "$prefix/lib/libsqlite3.a" sqlite3.o
  cp sqlite3.h "$prefix/include/"
}
