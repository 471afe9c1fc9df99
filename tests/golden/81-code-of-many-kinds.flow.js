export const flow = {
  slug: "golden",
  input: {type: "object", properties: {hosts: {type: "array", items: {type: "string"}}}},
  state: {asked: 0},
};

async function deploy(c, host) {
  try {
    const done = await c.step("deploy", {
      run: {command: ["deploy", host]},
      effect: "idempotent",
      retry: {max_attempts: 2, on: ["exit_code"], backoff: {initial: "1s", jitter: 0}},
    });
    return done.result;
  } catch (error) {
    // What undoes it is a step like others.
    await c.step("undo", {run: {command: ["undo", host]}});
    return [error.class, error.step];
  }
}

export default async function (ctx, input) {
  const start = Date.now();
  const dice = Math.random() < 1;
  const both = await ctx.parallel("both", {
    left: async (c) => {
      const before = await c.step("count", {kv: {increment: "n"}});
      await c.sleep("nap", "2m");
      const after = await c.step("count", {kv: {increment: "n"}});
      return [before.value, after.value];
    },
    right: async (c) => {
      const said = await c.wait("ask", {approval: {summary: "Go on?"}, timeout: "1h"});
      ctx.setState({asked: ctx.state.asked + 1});
      return said.approved;
    },
  });
  ctx.log("both: " + JSON.stringify(both));

  const hosts = await ctx.forEach("hosts", input.hosts, {maxParallel: 2}, async (host, i, c) => {
    const result = await deploy(c, host);
    const more = await c.parallel("checks", {
      disk: (d) => d.step("look", {run: {command: ["df", host]}}),
      load: (d) => d.step("look", {function: {code: "input + 1", input: i}}),
    });
    return {result, disk: more.disk.exit_code, load: more.load};
  });

  // Visits: the same name in each round, and groups of one name after each other.
  const polled = [];
  for (let round = 0; round < 3; round++) {
    const poll = await ctx.step("poll", {run: {command: ["poll", String(round)]}});
    polled.push(poll.exit_code);
    await ctx.forEach("twice", [1, 2], (n, i, c) => c.step("add", {function: {code: "input", input: n}}));
  }

  let caught;
  try {
    await ctx.parallel("race", {
      fails: (c) => c.step("fails", {run: {command: ["false"]}}),
      waits: (c) => c.wait("never", {callback: {}, timeout: "1d"}),
    });
  } catch (error) {
    caught = [error.class, error.step];
  }
  const body = await ctx.wait("call", {callback: {summary: "done?"}, timeout: "1h"});
  const tick = await ctx.wait("tick", {event: {name: "tick"}, timeout: "1h", on_timeout: "continue"});
  await ctx.wait("until", {for: "10m"});
  return {
    both, hosts, polled, caught, body: body.body, tick: tick.timed_out, dice,
    state: ctx.state, minutes: (Date.now() - start) / 60_000,
  };
}
