/** pending: to be tried, again. dead: given up after the last try. cancelled: its subscription is off or gone. */
export const DELIVERY_STATUS = ["pending", "succeeded", "dead", "cancelled"] as const;
