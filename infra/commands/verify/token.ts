import { parseObject } from "../../../service/pure/json.ts";

/**
 * The form of a credential cookie's value: `sealed` is a sealed token with its key ID, `file` the
 * ID of a session file on an instance's disk.
 */
export type TokenForm =
  | { readonly form: "sealed"; readonly kid: string }
  | { readonly form: "file" }
  | { readonly form: "other" };

/** Version, key ID and body, and perhaps an attachment. */
const SEALED = /^(v\d+)\.([\w-]{1,16})\.([\w-]{8,})(\.[\w-]+)?$/;

/**
 * cookie-session's base64 of `{"sealed":"v1.KID.BODY.ATTACHMENT"}`, or express-session's
 * `s:ID.SIGNATURE`.
 */
export function tokenForm(value: string): TokenForm {
  const [, , kid] = SEALED.exec(sealedIn(value)) ?? [];
  if (kid !== undefined) return { form: "sealed", kid };
  return { form: /^s(%3A|:)/i.test(value) ? "file" : "other" };
}

/**
 * The value with one character of its sealed part changed; undefined if the value's form is
 * unknown.
 */
export function tamperWith(value: string): string | undefined {
  const [, head, kid, body = "", attachment = ""] = SEALED.exec(sealedIn(value)) ?? [];
  if (kid !== undefined) return format(`${head}.${kid}.${changeMiddle(body)}${attachment}`);
  return tokenForm(value).form === "file" ? changeMiddle(value) : undefined;
}

/** A forged token with the given key ID. */
export function forgeToken(kid: string, random: (bytes: number) => Uint8Array): string {
  return format(`v1.${kid}.${Buffer.from(random(300)).toString("base64url")}`);
}

function sealedIn(value: string): string {
  const token = parseObject(Buffer.from(value, "base64").toString("utf8"))?.sealed;
  return typeof token === "string" ? token : "";
}

function format(sealed: string): string {
  return Buffer.from(JSON.stringify({ sealed })).toString("base64");
}

function changeMiddle(text: string): string {
  const middle = Math.floor(text.length / 2);
  const other = text[middle] === "A" ? "B" : "A";
  return text.slice(0, middle) + other + text.slice(middle + 1);
}
