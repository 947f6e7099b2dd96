/** Words that rows and schemas of workflows share, apart from what checks what people send. */

/** The two forms in which a canvas is read and given out. */
export const CANVAS_FORM = ["weft", "coze"] as const;

/** error: the settings name it as their error workflow. */
export const REFERENCE_SOURCE = ["draft", "published", "error"] as const;

/** chatflow: a workflow that holds a conversation; it is listed apart and run by conversations. */
export const WORKFLOW_MODE = ["workflow", "chatflow"] as const;

/**
 * draft: never published. active: its latest version runs. paused: no new run of a version starts, the draft can be tried.
 * archived: nothing of it runs or changes until it is taken back.
 */
export const WORKFLOW_STATUS = ["draft", "active", "paused", "archived"] as const;
