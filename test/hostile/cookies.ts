import { createHmac } from "node:crypto";
import { deflateSync } from "node:zlib";
import type { Chance } from "./chance.ts";
import { cookieOf, type Tokens } from "./target.ts";

/** A Cookie header that an attacker could send. */
export interface HostileCookie {
  /** How it was made, for the failure's message. */
  readonly what: string;
  readonly header: string;
}

const NAME = "session";
const PRINTABLE = Array.from({ length: 94 }, (_, index) => String.fromCharCode(0x21 + index));
const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

function header(what: string, value: string, name = NAME): HostileCookie {
  return { what, header: `${name}=${value}` };
}

/** A token's parts, the last two decoded. */
interface Parts {
  readonly version: string;
  readonly kid: string;
  readonly body: Buffer;
  readonly attachment: Buffer;
}

/** The parts that are nonce, ciphertext and tag. */
const SEALED = ["body", "attachment"] as const;

function parts(token: string): Parts {
  const [version = "", kid = "", body = "", attachment = ""] = token.split(".");
  const decode = (part: string) => Buffer.from(part, "base64url");
  return { version, kid, body: decode(body), attachment: decode(attachment) };
}

function joined({ version, kid, body, attachment }: Parts): string {
  return [version, kid, body.toString("base64url"), attachment.toString("base64url")].join(".");
}

/** Valid cookies with one change at each possible position: tens of thousands. */
export function* everyPlace(tokens: Tokens): Generator<HostileCookie> {
  yield* everyBit(tokens.ada);
  yield* everyCharacter(tokens.ada);
  for (const token of [tokens.ada, tokens.older]) yield* everyCut(token);
  yield* everySplice(tokens.ada, tokens.grace);
  yield* everySplice(tokens.ada, tokens.older);
}

/** Valid tokens of other purposes, re-encoded tokens, and other values: about a thousand. */
export function* everyShape(tokens: Tokens): Generator<HostileCookie> {
  for (const token of tokens.foreign) {
    yield header("a good token of another place", cookieOf(token));
  }
  for (const token of [tokens.ada, tokens.older, ...tokens.foreign]) {
    yield* everyKid(token);
    yield* everyArrangement(token);
    yield* everyEncoding(token);
  }
  yield* everyEnvelope(tokens.ada);
  yield* everyHeader(tokens);
  yield* strangers();
}

function* everyBit(token: string): Generator<HostileCookie> {
  const good = parts(token);
  for (const part of SEALED) {
    for (let index = 0; index < good[part].length; index += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const changed = Buffer.from(good[part]);
        changed[index] = (changed[index] ?? 0) ^ (1 << bit);
        const what = `bit ${bit} of byte ${index} of the ${part}`;
        yield header(what, cookieOf(joined({ ...good, [part]: changed })));
      }
    }
  }
}

function* everyCharacter(token: string): Generator<HostileCookie> {
  const value = cookieOf(token);
  for (let index = 0; index < value.length; index += 1) {
    for (const character of ["A", "z", "=", "%", "\\", '"', "\u00e9", "\u0000", " ", ","]) {
      const changed = value.slice(0, index) + character + value.slice(index + 1);
      yield header(`character ${index} is ${JSON.stringify(character)}`, changed);
    }
  }
  for (let index = 0; index < token.length; index += 1) {
    const changed = token.slice(0, index) + nextCharacter(token[index]) + token.slice(index + 1);
    yield header(`character ${index} of the token`, cookieOf(changed));
  }
}

function nextCharacter(character: string | undefined): string {
  return BASE64URL[(BASE64URL.indexOf(character ?? "") + 1) % 64] ?? "A";
}

function* everyCut(token: string): Generator<HostileCookie> {
  const value = cookieOf(token);
  for (let index = 0; index < value.length; index += 1) {
    yield header(`cut after ${index}`, value.slice(0, index));
    yield header(`cut before ${index}`, value.slice(index + 1));
  }
  for (let index = 0; index < token.length; index += 1) {
    yield header(`token cut after ${index}`, cookieOf(token.slice(0, index)));
    yield header(`token cut before ${index}`, cookieOf(token.slice(index + 1)));
    yield header(
      `token without ${index}`,
      cookieOf(token.slice(0, index) + token.slice(index + 1)),
    );
  }
}

function* everySplice(one: string, other: string): Generator<HostileCookie> {
  const length = Math.max(one.length, other.length);
  for (let index = 0; index <= length; index += 1) {
    yield header(`spliced at ${index}`, cookieOf(one.slice(0, index) + other.slice(index)));
    yield header(
      `spliced at ${index}, reversed`,
      cookieOf(other.slice(0, index) + one.slice(index)),
    );
  }
}

const KIDS = [
  ..."0123456789",
  "-1",
  "+3",
  "03",
  "003",
  "3.0",
  "3e0",
  "0x3",
  " 3",
  "3 ",
  "999999999",
  "1000000000",
  "9".repeat(16),
  "9".repeat(17),
  "9".repeat(2_000),
  "latest",
  "__proto__",
  "constructor",
  "toString",
  "../2",
  "3/../2",
  "3:access",
  "\u0663",
  "\uff13",
  "3\u0000",
  "",
  "null",
  "NaN",
  "Infinity",
];

function* everyKid(token: string): Generator<HostileCookie> {
  const good = parts(token);
  for (const other of KIDS) {
    if (other === good.kid) continue;
    yield header(
      `kid ${JSON.stringify(other.slice(0, 20))}`,
      cookieOf(joined({ ...good, kid: other })),
    );
  }
  for (const other of ["v0", "v2", "v10", "V1", "v01", "v", "1", "", "v1.v1", "v1.3"]) {
    yield header(`version ${other}`, cookieOf(joined({ ...good, version: other })));
  }
}

function* everyArrangement(token: string): Generator<HostileCookie> {
  const good = parts(token);
  const { body } = good;
  const [nonce, ciphertext, tag] = [
    body.subarray(0, 12),
    body.subarray(12, -16),
    body.subarray(-16),
  ];
  const none = Buffer.alloc(0);
  const arrangements: Record<string, readonly Buffer[]> = {
    "nonce and tag swapped": [tag.subarray(0, 12), ciphertext, nonce, tag.subarray(12)],
    "tag first": [tag, ciphertext, nonce],
    "no ciphertext": [nonce, none, tag],
    "no tag": [nonce, ciphertext],
    "a short tag": [nonce, ciphertext, tag.subarray(0, 12)],
    "a tag of four bytes": [nonce, ciphertext, tag.subarray(0, 4)],
    "no nonce": [ciphertext, tag],
    "an empty body": [none],
    "the tag alone": [tag],
    "everything twice": [body, body],
    "reversed bytes": [Buffer.from(body).reverse()],
    zeros: [Buffer.alloc(body.length)],
    "a tag of zeros": [nonce, ciphertext, Buffer.alloc(16)],
    "a tag of ones": [nonce, ciphertext, Buffer.alloc(16, 255)],
    "a nonce of zeros": [Buffer.alloc(12), ciphertext, tag],
    "a byte more in front": [Buffer.alloc(1), body],
    "a byte more behind": [body, Buffer.alloc(1)],
  };
  for (const [what, buffers] of Object.entries(arrangements)) {
    yield header(what, cookieOf(joined({ ...good, body: Buffer.concat(buffers) })));
    yield header(
      `${what}, as attachment`,
      cookieOf(joined({ ...good, attachment: Buffer.concat(buffers) })),
    );
  }
  const [version = "", kid = "", first = "", second = ""] = token.split(".");
  const orders: Record<string, readonly string[]> = {
    "no attachment": [version, kid, first],
    "an empty attachment": [version, kid, first, ""],
    "the attachment first": [version, kid, second, first],
    "the attachment alone": [version, kid, second],
    "the attachment twice": [version, kid, first, second, second],
    "the body twice": [version, kid, first, first],
    "a part more": [version, kid, first, second, ""],
  };
  for (const [what, order] of Object.entries(orders)) yield header(what, cookieOf(order.join(".")));
}

/** Other encodings of the same valid token. Only the canonical one is accepted. */
function* everyEncoding(token: string): Generator<HostileCookie> {
  const value = cookieOf(token);
  const json = JSON.stringify({ sealed: token });
  const spellings: Record<string, string> = {
    "the bare token": token,
    "base64url instead of base64": Buffer.from(json).toString("base64url"),
    "percent-encoded": encodeURIComponent(value),
    "every byte percent-encoded": value.replace(/./g, (c) => `%${c.charCodeAt(0).toString(16)}`),
    "encoded twice": Buffer.from(value).toString("base64"),
    "JSON in JSON": Buffer.from(JSON.stringify(json)).toString("base64"),
    hexadecimal: Buffer.from(json).toString("hex"),
    "plain JSON": json,
    "in quotes": `"${value}"`,
    "without padding": `${value.replace(/=+$/, "")}`,
    "more padding": `${value}==`,
    "white space before it": ` ${value}`,
    "white space behind it": `${value} `,
    "a tab behind it": `${value}\t`,
    "a line end behind it": `${value}\r\n`,
    "a comma behind it": `${value},`,
    "twice in a row": value + value,
    "in UTF-16": Buffer.from(json, "utf16le").toString("base64"),
    "with a byte order mark": Buffer.from(`\ufeff${json}`).toString("base64"),
    "with a signature": `${value}.AAAA`,
    "in upper case": value.toUpperCase(),
    "in lower case": value.toLowerCase(),
    "a token with padding": cookieOf(`${token}=`),
    "a token in base64": cookieOf(token.replaceAll("-", "+").replaceAll("_", "/")),
    "a token with white space": cookieOf(` ${token}`),
    "a token with a line end": cookieOf(`${token}\n`),
  };
  for (const [what, spelling] of Object.entries(spellings)) {
    if (spelling !== value) yield header(what, spelling);
  }
  const last = token.at(-1);
  for (const character of BASE64URL) {
    if (character !== last) {
      yield header("other bits that base64 ignores", cookieOf(token.slice(0, -1) + character));
    }
  }
}

/** The valid token in other JSON. */
function* everyEnvelope(token: string): Generator<HostileCookie> {
  const text = JSON.stringify(token);
  const envelopes = [
    text,
    `[${text}]`,
    `{"sealed":[${text}]}`,
    `{"sealed":{"sealed":${text}}}`,
    `{"sealed": ${text}}`,
    `{"sealed":${text},"sealed":${text}}`,
    `{"sealed":"x","sealed":${text}}`,
    `{"sealed":${text},"user_id":"ada"}`,
    `{"user_id":"ada","sealed":${text}}`,
    `{"__proto__":{"sealed":${text}}}`,
    `{"constructor":{"prototype":{"sealed":${text}}}}`,
    `{"Sealed":${text}}`,
    `{"\\u0073ealed":${text}}`,
    `{"sealed":${text.replace("v", "\\u0076")}}`,
    `{"_ctx":{"_new":true},"sealed":${text}}`,
    `{"isNew":false,"isChanged":true,"isPopulated":true}`,
    `{"_expires":0,"_maxAge":0,"sealed":${text}}`,
    `{"toJSON":1,"sealed":${text}}`,
    `{"sealed":null}`,
    `{"sealed":true}`,
    `{"sealed":1e999}`,
    `{"user_id":"ada","id_token":"a.b.c","csrf_token":"x"}`,
    `{"sealed":""}`,
    "null",
    "true",
    "0",
    "1e999",
    "[]",
    "{}",
    "",
    "[".repeat(3_000),
    '{"a":'.repeat(600),
    `${"[".repeat(1_500)}${"]".repeat(1_500)}`,
  ];
  for (const envelope of envelopes) {
    yield header(`an envelope ${envelope.slice(0, 40)}`, Buffer.from(envelope).toString("base64"));
  }
}

/** Valid cookies under other names or positions, and unusual headers. */
function* everyHeader({ ada, grace }: Tokens): Generator<HostileCookie> {
  const [good, other] = [cookieOf(ada), cookieOf(grace)];
  for (const name of [
    "__Host-session",
    "__Secure-session",
    "Session",
    "SESSION",
    "session.sig",
    "session2",
    "xsession",
    "$session",
    "session[0]",
    "session%20",
    "sessio%6e",
    "sess ion",
    "sign-in-1-AAAAAAAAAAAA",
    "connect.sid",
    "",
  ]) {
    yield header(`the name ${name}`, good, name);
    yield { what: `the name ${name}, then nothing`, header: `${name}=${good}; session=` };
  }
  const odd = [
    "session",
    "session=",
    "session==",
    "=session=",
    ";",
    "; ; ;",
    "session=;",
    `session;${good}`,
    `session =${good}`,
    `session= ${good}`,
    `session=x; session=${good}`,
    `session=; session=${good}`,
    `session="; session=${good}"`,
    `session=${good.slice(0, -4)}; session=${good}; session=${other}`,
    `session=${good}&session=${other}`,
    `session=${good}, session=${other}`,
    `session=${good}${other}`,
    `\u00a0session=${good}`,
    `$Version=1; $Path=/; Session=${good}`,
    `a=${"b".repeat(12_000)}; session=x`,
    `${"a=b; ".repeat(3_000)}session=x`,
    `${";".repeat(15_000)}`,
    `${" ".repeat(15_000)}`,
    `session=${"=".repeat(15_000)}`,
    `session=${"A".repeat(15_000)}`,
    `session=${"\u00ff".repeat(15_000)}`,
    `${"session=x; ".repeat(1_300)}session=${good}`,
  ];
  for (const text of odd) yield { what: `the header ${text.slice(0, 40)}`, header: text };
}

/** Session cookies of other programs. */
function* strangers(): Generator<HostileCookie> {
  const flaskPayload = deflateSync(Buffer.from('{"user_id":"ada"}')).toString("base64url");
  const flaskSignature = createHmac("sha1", "flask").update(flaskPayload).digest("base64url");
  yield header("Flask, compressed", `.${flaskPayload}.ZxY3rQ.${flaskSignature}`);
  yield header("Flask", `eyJ1c2VyX2lkIjoiYWRhIn0.ZxY3rQ.${flaskSignature}`);
  yield header("Flask-Session", "d4f1b2c0-1234-4cde-8f00-0123456789ab.abc");
  yield header("express-session", `s%3A${"a".repeat(32)}.${"b".repeat(43)}`);
  yield header(
    "cookie-session without a seal",
    Buffer.from('{"user_id":"ada"}').toString("base64"),
  );
  yield header("iron-session", `Fe26.2*1*${"a".repeat(64)}*${"b".repeat(22)}*${"c".repeat(200)}`);
  yield header("a JWT that says none", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.");
  yield header("a JWE", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAA");
  yield header("Rails", "aGVsbG8=--cafebabecafebabecafebabecafebabe");
  yield header("PHP", "O:8:%22stdClass%22:0:{}");
  yield header("Java", "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA==");
  yield header("Python's pickle", "gASVCAAAAAAAAACMBHRlc3SULg==");
}

/** Any number of random cookies, with several changes at once. */
export function* randomCookies(
  tokens: Tokens,
  chance: Chance,
  count: number,
): Generator<HostileCookie> {
  const good = [tokens.ada, tokens.grace, tokens.older, ...tokens.foreign];
  for (let made = 0; made < count; made += 1) {
    const recipe = chance.pick(RECIPES);
    yield { what: recipe.name, header: recipe(chance, good) };
  }
}

type Recipe = (chance: Chance, tokens: readonly string[]) => string;

const RECIPES: readonly Recipe[] = [
  function severalBytesOfTheToken(chance, tokens) {
    const good = parts(chance.pick(tokens));
    const bytes = good[chance.pick(SEALED)];
    for (let times = chance.below(8); times >= 0; times -= 1) {
      const index = chance.below(bytes.length);
      bytes[index] = (bytes[index] ?? 0) ^ (1 + chance.below(255));
    }
    return `session=${cookieOf(joined(good))}`;
  },
  function severalCharactersOfTheValue(chance, tokens) {
    const value = [...cookieOf(chance.pick(tokens))];
    for (let times = chance.below(8); times >= 0; times -= 1) {
      value[chance.below(value.length)] = chance.pick(PRINTABLE);
    }
    return `session=${value.join("")}`;
  },
  function piecesOfSeveralTokens(chance, tokens) {
    const [one, two, three] = [chance.pick(tokens), chance.pick(tokens), chance.pick(tokens)];
    const [first, second] = [chance.below(one.length), chance.below(one.length)];
    return `session=${cookieOf(one.slice(0, first) + two.slice(first, second) + three.slice(second))}`;
  },
  function aBodyUnderAnotherKid(chance, tokens) {
    const good = parts(chance.pick(tokens));
    const kid = chance.pick([String(chance.below(1e9)), String(4 + chance.below(99)), "1", "x"]);
    return `session=${cookieOf(joined({ ...good, kid }))}`;
  },
  function randomBytesInTheRightShape(chance) {
    const kid = chance.pick(["1", "2", "3"]);
    const [body, attachment] = [0, 1].map(() => chance.bytes(28 + chance.below(200)));
    const token = ["v1", kid, body?.toString("base64url"), attachment?.toString("base64url")];
    return `session=${cookieOf(token.slice(0, 3 + chance.below(2)).join("."))}`;
  },
  function randomBytesInBase64(chance) {
    return `session=${chance.bytes(chance.below(300)).toString("base64")}`;
  },
  function randomBytes(chance) {
    return `session=${chance.bytes(chance.below(300)).toString("latin1")}`;
  },
  function aHeaderOfRandomBytes(chance) {
    return chance.bytes(chance.below(300)).toString("latin1");
  },
  function randomTextAsToken(chance) {
    const length = chance.below(400);
    return `session=${cookieOf(Array.from({ length }, () => chance.pick(PRINTABLE)).join(""))}`;
  },
  function somethingRepeated(chance, tokens) {
    const good = parts(chance.pick(tokens));
    const part = chance.pick(SEALED);
    const bytes = good[part];
    const from = chance.below(bytes.length);
    const piece = bytes.subarray(from, from + 1 + chance.below(64));
    const longer = Buffer.concat([bytes.subarray(0, from), piece, bytes.subarray(from)]);
    return `session=${cookieOf(joined({ ...good, [part]: longer }))}`;
  },
  function somethingLeftOut(chance, tokens) {
    const good = parts(chance.pick(tokens));
    const part = chance.pick(SEALED);
    const bytes = good[part];
    const from = chance.below(bytes.length);
    const rest = bytes.subarray(from + 1 + chance.below(64));
    const shorter = Buffer.concat([bytes.subarray(0, from), rest]);
    return `session=${cookieOf(joined({ ...good, [part]: shorter }))}`;
  },
  function muchTooLong(chance, tokens) {
    const token = chance.pick(tokens);
    return `session=${cookieOf(token.repeat(2 + chance.below(4)))}`;
  },
  function amongOtherCookies(chance, tokens) {
    const others = Array.from(
      { length: 1 + chance.below(20) },
      (_, index) => `c${index}=v${index}`,
    );
    const hostile = RECIPES[0]?.(chance, tokens) ?? "";
    return chance.shuffle([...others, hostile]).join("; ");
  },
];
