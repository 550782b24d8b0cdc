/** Name of the product, shown on every page. */
export const PRODUCT = "Phoenix";
