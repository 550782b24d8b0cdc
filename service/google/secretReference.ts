/** Which secret holds the keys. */
export interface SecretReference {
  /** ID or number of the project. */
  readonly project: string;
  readonly name: string;
}

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects; domain-scoped IDs too. */
const PROJECT = "[a-z\\d][a-z\\d.:-]{0,61}[a-z\\d]";
/** https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create */
const NAME = "[A-Za-z\\d_-]{1,255}";

const NOTATION = new RegExp(`^sm://(${PROJECT})/(${NAME})$`);
const RESOURCE = new RegExp(`^projects/(${PROJECT})/secrets/(${NAME})$`);

/** Parses `sm://PROJECT/SECRET` or `projects/PROJECT/secrets/SECRET`; undefined if it is neither. */
export function parseSecretReference(text: string): SecretReference | undefined {
  const [, project, name] = NOTATION.exec(text) ?? RESOURCE.exec(text) ?? [];
  return project === undefined || name === undefined ? undefined : { project, name };
}

/** `projects/PROJECT/secrets/SECRET`: how Secret Manager's API names it. */
export function secretResource({ project, name }: SecretReference): string {
  return `projects/${project}/secrets/${name}`;
}
