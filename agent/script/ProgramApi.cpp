#include "agent/script/Prelude.h"

namespace belay::script {

namespace {

// Steps, waits and child runs all end in native.open(path, visit, definition, resolve, reject),
// which gives nothing, or the failure with which the call is refused. What a branch that was
// cancelled waits for never comes: its code does not go on, and is collected.
constexpr std::string_view kSource = R"js(
(function () {
  const define = (object, name, value) => Object.defineProperty(
      object, name, {value, writable: true, enumerable: false, configurable: true});

  class StepError extends Error {
    constructor(failure = {}) {
      super(failure.message);
      for (const name of ["code", "class", "step", "output"]) {
        if (failure[name] !== undefined) define(this, name, failure[name]);
      }
    }
  }
  define(StepError.prototype, "name", "StepError");

  const makeContext = (native, run, trigger, initialState) => {
    const form = /^[a-z0-9][a-z0-9_-]{0,63}$/;
    const frozen = (value) => {
      if (Object(value) !== value || Object.isFrozen(value)) return value;
      Object.freeze(value);
      for (const key of Reflect.ownKeys(value)) frozen(value[key]);
      return value;
    };
    let state = frozen(initialState);
    frozen(run);
    frozen(trigger);

    const invalid = (step, code, message) =>
        new StepError({code, class: "invalid", step: String(step), message});
    const makeScope = (prefix, group) =>
        ({prefix, group, visits: new Map(), open: new Set()});
    const isAlive = (scope) => {
      for (let group = scope.group; group; group = group.scope.group) {
        if (!group.alive) return false;
      }
      return true;
    };
    const refuseName = (scope, name, what) => {
      const path = scope.prefix + String(name);
      if (typeof name !== "string" || !form.test(name)) {
        return invalid(path, "BLY-FLOW-BAD-SLUG",
            `the name of ${what} must be [a-z0-9][a-z0-9_-]{0,63}, is ${JSON.stringify(name)}`);
      }
      if (scope.open.has(name)) {
        return invalid(path, "BLY-FLOW-DUPLICATE-STEP",
            `"${path}" has not ended yet: what goes on at the same time needs names of its own`);
      }
    };
    const enter = (scope, name) => {
      const visit = (scope.visits.get(name) ?? 0) + 1;
      scope.visits.set(name, visit);
      scope.open.add(name);
      return visit;
    };

    const call = (scope, name, definition) => new Promise((resolve, reject) => {
      if (!isAlive(scope)) return;
      const refused = refuseName(scope, name, "a step");
      if (refused) return reject(refused);
      const visit = (scope.visits.get(name) ?? 0) + 1;
      const ended = (settle) => (value) => {
        scope.open.delete(name);
        settle(value);
      };
      const failure = native.open(
          scope.prefix + name, visit, definition, ended(resolve),
          ended((failed) => reject(new StepError(failed))));
      if (failure) return reject(new StepError(failure));
      enter(scope, name);
    });

    const group = (scope, name, children, options) => new Promise((resolve, reject) => {
      if (!isAlive(scope)) return;
      const refused = refuseName(scope, name, "parallel and forEach");
      if (refused) return reject(refused);
      const visit = enter(scope, name);
      const beginning = scope.prefix + name + (visit > 1 ? ":" + visit : "") + "[";
      const own = {scope, alive: true};
      const results = new Array(children.length).fill(undefined);
      let next = 0, running = 0, failed = false, error;
      const finish = (settle, value) => {
        scope.open.delete(name);
        settle(value);
      };
      const fail = (reason) => {
        if (!failed) error = reason;
        failed = true;
        if (!options.failFast || !own.alive) return ended();
        own.alive = false;
        native.cancel(beginning);
        finish(reject, error);
      };
      const begin = (number) => {
        const [child, code] = children[number];
        const inner = makeScope(beginning + child + "]/", own);
        new Promise((done) => done(code(contextOf(inner)))).then((value) => {
          results[number] = value;
          ended();
        }, fail);
      };
      const fill = () => {
        while (running < options.maxParallel && next < children.length) {
          ++running;
          begin(next++);
        }
        if (running > 0) return;
        if (failed) finish(reject, error);
        else finish(resolve, results);
      };
      const ended = () => {
        if (!own.alive) return;
        --running;
        fill();
      };
      fill();
    });

    const parallel = async (scope, name, branches, options) => {
      if (typeof name !== "string") [name, branches, options] = ["parallel", name, branches];
      const {failFast = true} = options ?? {};
      const names = Object.keys(branches ?? {});
      const bad = names.find((key) => !form.test(key) || typeof branches[key] !== "function");
      if (bad !== undefined || names.length === 0) {
        throw invalid(scope.prefix + name, "BLY-FLOW-BAD-VALUE",
            "parallel takes an object of functions by name: {left: c => c.step(…), right: …}");
      }
      const children = names.map((key) => [key, (c) => branches[key](c)]);
      const results = await group(
          scope, name, children, {failFast, maxParallel: names.length});
      return Object.fromEntries(names.map((key, i) => [key, results[i]]));
    };

    const forEach = async (scope, name, items, options, code) => {
      if (typeof options === "function") [options, code] = [{}, options];
      const {failFast = true, maxParallel = 1} = options ?? {};
      if (!Array.isArray(items) || typeof code !== "function") {
        throw invalid(scope.prefix + name, "BLY-FLOW-BAD-VALUE",
            "forEach takes a name, a list, options and a function: (item, index, c) => …");
      }
      if (!Number.isInteger(maxParallel) || maxParallel < 1) {
        throw invalid(scope.prefix + name, "BLY-FLOW-BAD-VALUE",
            "maxParallel must be a whole number from 1 on");
      }
      const children = items.map((item, i) => [String(i), (c) => code(item, i, c)]);
      return group(scope, name, children, {failFast, maxParallel});
    };

    const contextOf = (scope) => Object.freeze({
      run,
      trigger,
      get state() { return state; },
      step: (name, definition) => call(scope, name, definition),
      wait: (name, wait, options) => call(scope, name, {...options, wait}),
      sleep: (name, time, options) =>
          call(scope, name, {...options, sleep: typeof time === "string" ? {for: time} : time}),
      flow: (name, flow, options) => call(scope, name, {...options, flow}),
      parallel: (name, branches, options) => parallel(scope, name, branches, options),
      forEach: (name, items, options, code) => forEach(scope, name, items, options, code),
      setState: (values) => {
        const copy = native.copy(values);
        if (Object(copy) !== copy || Array.isArray(copy)) {
          throw new TypeError("setState takes an object: {name: value}");
        }
        state = frozen({...state, ...copy});
        native.keepState(state);
      },
      log: (text) => native.log(String(text)),
    });
    return contextOf(makeScope("", undefined));
  };
  return [StepError, makeContext];
})()
)js";

}  // namespace

std::string_view programApiSource() { return kSource; }

}  // namespace belay::script
