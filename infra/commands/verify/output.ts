/** Longest piece of text from outside that is shown. */
const MAX_LENGTH = 400;

/** Control characters, and those that turn or hide what stands around them. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

/** One line of text that a terminal shows as it is, whoever wrote it. */
export function clean(text: string): string {
  const line = text.replaceAll(UNPRINTABLE, "\u{fffd}");
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line;
}

/**
 * What must never be shown, wherever the other side may repeat it. Hide it before the text is cut
 * short: half a secret is not found any more.
 */
export class Secrets {
  readonly #values = new Set<string>();

  /** Short values are no secrets, and would blacken ordinary words. */
  add(value: string): void {
    if (value.length >= 16) this.#values.add(value);
  }

  hide(text: string): string {
    let hidden = text;
    for (const value of this.#values) hidden = hidden.replaceAll(value, "(hidden)");
    return hidden;
  }
}
