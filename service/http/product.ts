/** The product's name, as every page shows it. */
export const PRODUCT = "Phoenix";
