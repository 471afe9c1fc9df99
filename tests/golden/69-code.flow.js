export const flow = {slug: "coded"};
export default async function (ctx, input) {
  await ctx.parallel("both", {
    left: (c) => c.step("a", {kv: {set: "k", value: 1}}),
    right: (c) => c.wait("ask", {callback: {summary: "?"}, timeout: "1h"}),
  });
  ctx.log("got");
  const one = await ctx.flow("call", {slug: "one", input: {n: 21}});
  return one.double;
}
