import { afterAll, afterEach, beforeAll, expect, jest } from "@jest/globals";
import type { BrowserContextOptions } from "playwright-core";
import type { DeploymentOptions, LocalDeployment } from "../local/deployment.ts";
import { openStage, type Stage, type VisitClass } from "./stage.ts";
import type { Visit } from "./visit.ts";

/** The stage, as tests use it. */
export interface TestStage<Kind extends Visit> {
  readonly deployment: LocalDeployment;
  readonly url: string;
  /** A visit that ends with the test, which fails if the visit has complaints. */
  visit(options?: BrowserContextOptions): Promise<Kind>;
}

/** Milliseconds for a test, or for a browser and a fleet to start: several waits of `until`. */
const TIMEOUT = 240_000;

/** Opens a stage for a file of tests, and closes its visits. */
export function useStage<Kind extends Visit>(
  visitClass: VisitClass<Kind>,
  options: DeploymentOptions = {},
): TestStage<Kind> {
  let stage: Stage<Kind> | undefined;
  const visits: Visit[] = [];
  jest.setTimeout(TIMEOUT);
  const opened = () => {
    if (stage === undefined) throw new Error("The stage opens before the first test.");
    return stage;
  };

  beforeAll(async () => {
    stage = await openStage(visitClass, options);
  });
  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    const ended = visits.splice(0);
    await Promise.all(ended.map((visit) => visit[Symbol.asyncDispose]()));
    expect(ended.flatMap(({ complaints }) => complaints)).toEqual([]);
  });

  return {
    get deployment() {
      return opened().deployment;
    },
    get url() {
      return opened().deployment.url;
    },
    async visit(wish) {
      const visit = await opened().visit(wish);
      visits.push(visit);
      return visit;
    },
  };
}
