export const heavy = "loaded when it is needed";
