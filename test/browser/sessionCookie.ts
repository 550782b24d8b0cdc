import type { BrowserContext } from "playwright-core";

/** Changes the sealed token in a browser's session cookie, which is JSON in base64. */
export async function changeToken(
  context: BrowserContext,
  change: (token: string) => string,
): Promise<void> {
  const session = (await context.cookies()).find(({ name }) => name === "session");
  if (session === undefined) throw new Error("There is no session cookie to change.");
  const content: { readonly sealed: string } = JSON.parse(
    Buffer.from(session.value, "base64").toString("utf8"),
  );
  const changed = JSON.stringify({ ...content, sealed: change(content.sealed) });
  await context.addCookies([{ ...session, value: Buffer.from(changed).toString("base64") }]);
}
