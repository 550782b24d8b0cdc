import { parseObject } from "../../../../service/pure/json.ts";

/**
 * What a session cookie's value is, from outside: a sealed token and the key that it names; the
 * name of a file on an instance's disk; or something else.
 */
export type TokenForm =
  | { readonly form: "sealed"; readonly kid: string }
  | { readonly form: "file" }
  | { readonly form: "other" };

interface Sealed {
  readonly head: string;
  readonly kid: string;
  readonly body: string;
}

/** cookie-session's base64 of `{"sealed":"v1.KID.BODY"}`, or express-session's `s:ID.SIGNATURE`. */
export function tokenForm(value: string): TokenForm {
  const sealed = parse(value);
  if (sealed !== undefined) return { form: "sealed", kid: sealed.kid };
  return { form: /^s(%3A|:)/i.test(value) ? "file" : "other" };
}

/**
 * The same value with one character in its middle changed: the form still holds, and what it
 * protects does not. Undefined if the value has no form that is known.
 */
export function tamperWith(value: string): string | undefined {
  const sealed = parse(value);
  if (sealed !== undefined) return format({ ...sealed, body: changeMiddle(sealed.body) });
  return tokenForm(value).form === "file" ? changeMiddle(value) : undefined;
}

/** A token that nobody sealed, which names a key that may well exist. */
export function forgeToken(kid: string, random: (bytes: number) => Uint8Array): string {
  const body = Buffer.from(random(300)).toString("base64url");
  return format({ head: "v1", kid, body });
}

function parse(value: string): Sealed | undefined {
  const token = parseObject(Buffer.from(value, "base64").toString("utf8"))?.sealed;
  const [, head, kid, body] =
    /^(v\d+)\.([\w-]{1,16})\.([\w-]{8,})$/.exec(typeof token === "string" ? token : "") ?? [];
  return head && kid && body ? { head, kid, body } : undefined;
}

function format({ head, kid, body }: Sealed): string {
  return Buffer.from(JSON.stringify({ sealed: `${head}.${kid}.${body}` })).toString("base64");
}

function changeMiddle(text: string): string {
  const middle = Math.floor(text.length / 2);
  const other = text[middle] === "A" ? "B" : "A";
  return text.slice(0, middle) + other + text.slice(middle + 1);
}
