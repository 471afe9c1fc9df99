#include "agent/script/Prelude.h"

namespace belay::script {

namespace {

constexpr std::string_view kSource = R"js(
(function (now, random, roots, program) {
  const define = (object, name, value) => Object.defineProperty(
      object, name, {value, writable: true, enumerable: false, configurable: true});

  // The clock and the randomness of the run.
  const RealDate = Date;
  function RunDate() {
    if (!new.target) return new RealDate(now()).toString();
    return Reflect.construct(RealDate, arguments.length ? arguments : [now()], new.target);
  }
  define(RunDate, "name", "Date");
  define(RunDate, "length", 7);
  for (const name of ["parse", "UTC"]) define(RunDate, name, RealDate[name]);
  define(RunDate, "now", now);
  RunDate.prototype = RealDate.prototype;
  define(RealDate.prototype, "constructor", RunDate);
  define(globalThis, "Date", RunDate);
  define(Math, "random", random);

  // What makes code from text, or outlives the evaluation, is not there.
  function NoFunction() { throw new TypeError("code cannot be made from text"); }
  define(NoFunction, "name", "Function");
  NoFunction.prototype = Function.prototype;
  const kinds = [function () {}, function* () {}, async function () {}, async function* () {}];
  for (const kind of kinds) define(Object.getPrototypeOf(kind), "constructor", NoFunction);
  define(globalThis, "Function", NoFunction);
  delete globalThis.eval;
  if (program) define(globalThis, "StepError", program[0]);
  else delete globalThis.Promise;

  // A frozen prototype would make `counts["constructor"] = 1` and `error.name = "X"` fail on
  // objects that inherit from it, so these members become accessors that define it on the object.
  const inheritable = (proto, names) => {
    for (const name of names) {
      const old = Object.getOwnPropertyDescriptor(proto, name);
      if (!old || !("value" in old)) continue;
      Object.defineProperty(proto, name, {
        get() { return old.value; },
        set(value) {
          if (this === proto || Object(this) !== this) throw new TypeError(name + " is read-only");
          Object.defineProperty(
              this, name, {value, writable: true, enumerable: true, configurable: true});
        },
        enumerable: false,
        configurable: false,
      });
    }
  };
  inheritable(Object.prototype, Object.getOwnPropertyNames(Object.prototype));
  const errors = [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];
  for (const error of errors) inheritable(error.prototype, ["name", "message", "toString"]);

  // Everything that an expression can reach, by members, accessors or prototypes, is frozen.
  const seen = new Set();
  const freeze = (value) => {
    if (Object(value) !== value || seen.has(value)) return;
    seen.add(value);
    Object.freeze(value);
    for (const key of Reflect.ownKeys(value)) {
      const found = Object.getOwnPropertyDescriptor(value, key);
      freeze(found.value);
      freeze(found.get);
      freeze(found.set);
    }
    freeze(Object.getPrototypeOf(value));
  };
  for (const kind of kinds) {
    freeze(Object.getPrototypeOf(kind));
    freeze(Object.getPrototypeOf(kind.prototype ?? {}));
  }
  const iterators = [[].values(), ""[Symbol.iterator](), new Map().values(), new Set().values(),
                     "".matchAll(/a/g)];
  for (const iterator of iterators) freeze(Object.getPrototypeOf(iterator));
  freeze(Object.getOwnPropertyDescriptor((function () { return arguments; })(), "callee").get);
  for (const root of roots) freeze(root);
  freeze(globalThis);
})
)js";

}  // namespace

std::string_view preludeSource() { return kSource; }

}  // namespace belay::script
