/** Tests move a stack's time by hours, and its jobs run each minute: their workers stay loaded, whatever memory they take. */
export const STAY_LOADED = { kept: 16 };
