import { join } from "node:path";
import { App } from "aws-cdk-lib";
import { VALIDATE_AGAINST_DEFAULT_RULES } from "aws-cdk-lib/cx-api";
import { bundled, unbundled } from "./bundle.ts";
import { addChecks } from "./checks.ts";
import { stageNamed } from "./stages.ts";
import { buildWeft } from "./weft.ts";

/**
 * The only reader of context and environment. `-c stage=prod` picks a stage; `-c weft:bundling=off` and
 * `-c weft:checks=off` leave out what the local cloud does not need.
 */
const app = new App({ analyticsReporting: false });
const isOn = (key: string) => app.node.tryGetContext(key) !== "off";
const stage = stageNamed(app.node.tryGetContext("stage") ?? "dev");
const code = isOn("weft:bundling") ? await bundled(join(import.meta.dirname, "..", ".build", "functions")) : unbundled;
if (isOn("weft:checks")) addChecks(app);
else app.node.setContext(VALIDATE_AGAINST_DEFAULT_RULES, false);
buildWeft(app, { stage, code });
app.synth();
