import { isSkipped, type Observations } from "../observations.ts";
import { type Answer, isNotStored } from "../site/answer.ts";
import { type Check, failed, ok } from "./check.ts";

/** That no cache keeps what depends on somebody's session. */
export const caching: Check = {
  id: "caching",
  title: "caching",
  judge(seen) {
    const answers = dependent(seen);
    const kept = answers.filter(([, answer]) => !isNotStored(answer)).map(([what]) => what);
    return kept.length === 0
      ? ok(`no-store on ${answers.length} kinds of answers`)
      : failed(
          `no no-store on ${kept.join(", ")}`,
          "A cache may keep what one user sees and show it to another, or after signing out.",
          "Set Cache-Control: no-store on every answer that depends on the session, and let " +
            "what stands before the service keep it.",
        );
  },
};

function dependent({ stranger, login, signIn, session, logout }: Observations) {
  const answers: [what: string, answer: Answer][] = [
    ["GET /api/clips (401)", stranger.api],
    ["GET /reel-maker (to sign-in)", stranger.page],
    ["GET /login", login],
  ];
  if (signIn.outcome === "signed_in") answers.push(["GET /login/callback", signIn.callback]);
  if (!isSkipped(session)) {
    answers.push(["GET /reel-maker", session.page], ["GET /api/clips", session.clipList]);
    if (session.clipUrl !== undefined) answers.push(["GET /api/clips/…/url", session.clipUrl]);
    if (!isSkipped(session.csrf)) answers.push(["POST /api/reel", session.csrf.rightToken]);
  }
  if (!isSkipped(logout)) answers.push(["POST /logout", logout.answer]);
  return answers;
}
