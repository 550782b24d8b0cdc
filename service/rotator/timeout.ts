/** Seconds that a rotation gives one call: nobody waits for a page here, and adding may take long. */
export const CALL_TIMEOUT = 10;
