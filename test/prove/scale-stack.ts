import { startWeft } from "@weft/local/stack";

/** What the stack's process tells its parent once it answers. */
export interface ScaleStarted {
  url: string;
  /** Where Step Functions answers. */
  services: string;
  machineArn: string;
}

/**
 * The whole stack in a process of its own, so that its memory is its own: `fork` with the folder of its data. It ends
 * when its parent does or asks for it.
 */
const [dataDir = ""] = process.argv.slice(2);
const stack = await startWeft({ dataDir, env: { WEFT_EGRESS_LOOPBACK: "allow", POWERTOOLS_LOG_LEVEL: "WARN" } });
const machineArn = stack.resources.find(({ type }) => type === "AWS::StepFunctions::StateMachine")?.arn ?? "";
process.on("message", (asked) => {
  // Kilobytes, of every thread, since the process began: what Linux calls VmHWM.
  if (asked === "peak") process.send?.({ peakKb: process.resourceUsage().maxRSS });
});
process.once("disconnect", () => void stack.close().finally(() => process.exit(0)));
process.send?.({ url: stack.url, services: stack.endpoints.services, machineArn } satisfies ScaleStarted);
