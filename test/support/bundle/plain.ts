import { digest } from "./shared.ts";

export const handler = async () => digest("plain");
