/*
 * Takes the place of what Pulumi serializes functions with, which no test needs: it loads the
 * TypeScript compiler and npm, which takes a second of CPU for each file of tests.
 */
export const unused = undefined;
