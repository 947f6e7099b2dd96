import { digest } from "./shared.ts";

export const handler = async () => `${digest("lazy")} ${(await import("./heavy.ts")).heavy}`;
