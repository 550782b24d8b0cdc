/*
 * Commands in what mends a fault. Which stack a site is of can't be told from outside: STACK stands
 * for its name.
 */

/** Deploys what was set. */
export const DEPLOY = "`npx pulumi up --stack STACK`";

/** Gives a setting of the stack a value. */
export function setting(name: string, value: string | number | boolean): string {
  return `\`npx pulumi config set --stack STACK ${name} ${value}\``;
}

/** The same, and deploys it. */
export function settingDeployed(...[name, value]: Parameters<typeof setting>): string {
  return `${setting(name, value)}, then ${DEPLOY}`;
}
