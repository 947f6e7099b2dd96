export const FIRING_STATUS = ["pending", "started", "skipped", "failed", "cancelled"] as const;
