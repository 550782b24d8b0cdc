/*
 * Replaces Pulumi's detection of promises that never resolve. It records a stack for each promise,
 * and jest maps every frame to the sources, which takes most of the CPU of an evaluation.
 */
export const debuggablePromise = <T>(promise: Promise<T>): Promise<T> => promise;
export const errorString = String;
