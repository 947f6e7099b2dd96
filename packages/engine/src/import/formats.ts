/** The systems whose workflows are read; a package holds several of ours. */
export const IMPORT_FORMATS = ["auto", "weft", "coze", "n8n", "dify", "package"] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

/** The word at the head of a package. */
export const PACKAGE_FORMAT = "weft-package";
