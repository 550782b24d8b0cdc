declare module "mime-db" {
  const types: Record<string, { readonly extensions?: readonly string[] }>;
  export default types;
}
