/** A Unix time, or a length of time, in seconds. */
export type Seconds = number;
