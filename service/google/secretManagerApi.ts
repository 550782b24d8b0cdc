import { COMMON_REMEDIES, type GoogleApi } from "./googleApiError.ts";

export const SECRET_MANAGER_API: GoogleApi = {
  name: "Secret Manager",
  code: "SECRET_MANAGER",
  remedies: {
    ...COMMON_REMEDIES,
    FORBIDDEN:
      "Grant the account roles on the secret (to read: secretmanager.secretAccessor and .viewer; " +
      "to rotate: .secretVersionManager), and see that the API is enabled",
    NOT_FOUND: "Check the project and the secret's name: gcloud secrets list --project PROJECT",
    FAILED_PRECONDITION:
      "Look at the version's state: gcloud secrets versions list SECRET --project PROJECT",
    EXHAUSTED:
      "Wait a minute; if it lasts, raise the quota, or how long instances go without" +
      " reading: npx pulumi config set --stack STACK keyRefreshInterval SECONDS",
    REJECTED: "Check the secret's name and this program's version",
  },
};
