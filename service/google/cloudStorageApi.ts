import { COMMON_REMEDIES, type GoogleApi } from "./googleApiError.ts";

export const CLOUD_STORAGE_API: GoogleApi = {
  name: "Cloud Storage",
  code: "CLOUD_STORAGE",
  remedies: {
    ...COMMON_REMEDIES,
    FORBIDDEN:
      "Grant the account storage.objectViewer and storage.objectCreator on the bucket: pulumi up does",
    NOT_FOUND: "Check the bucket's name: gcloud storage buckets list --project PROJECT",
    FAILED_PRECONDITION: "Look at the object: gcloud storage objects describe gs://BUCKET/OBJECT",
    EXHAUSTED: "Wait a minute; if it lasts, see the quotas of Cloud Storage in the project",
    REJECTED: "Check the bucket's name and this program's version",
  },
};
