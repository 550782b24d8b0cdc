/*
 * Takes the place of Pulumi's search for promises that never resolve: it notes a stack with each of
 * its many promises, and jest maps every frame of it to the sources, which takes most of the CPU
 * that the evaluation of a stack takes.
 */
export const debuggablePromise = <T>(promise: Promise<T>): Promise<T> => promise;
export const errorString = String;
