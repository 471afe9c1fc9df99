// As code: checks and repairs a folder until it is clean, and in the end asks a person.
export const flow = {
  slug: "retry-until-clean",
  name: "Repair until the check passes",
  description: "Checks, repairs, checks again; after some rounds a person decides.",
  tags: ["code"],
  input: {
    type: "object",
    properties: {
      folder: {type: "string", pattern: "^/", default: "/tmp"},
      rounds: {type: "integer", minimum: 1, maximum: 20, default: 3},
    },
  },
  state: {rounds: 0},
  defaults: {timeout: "10m"},
};

export default async function (ctx, input) {
  for (let round = 1; round <= input.rounds; round++) {
    const checks = await ctx.parallel("checks", {
      lint: c => check(c, "lint", input.folder),
      test: c => check(c, "test", input.folder),
    });
    ctx.setState({rounds: round});
    if (checks.lint && checks.test) return {clean: true, rounds: round};
    await ctx.step("repair", {run: {command: ["make", "repair"], cwd: input.folder}, on_error: "skip"});
  }
  const answer = await ctx.wait("accept", {
    approval: {summary: `${input.folder} is not clean after ${input.rounds} rounds. Accept it?`},
    timeout: "24h",
  });
  return {clean: false, accepted: answer.approved};
}

async function check(c, target, folder) {
  const done = await c.step("make", {run: {command: ["make", target], cwd: folder, ok_exit_codes: [0, 1, 2]}});
  return done.exit_code === 0;
}
