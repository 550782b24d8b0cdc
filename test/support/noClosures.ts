/*
 * Replaces Pulumi's serialization of functions, which no test needs. It loads the TypeScript
 * compiler and npm, which takes a second of CPU in each test file.
 */
export const unused = undefined;
