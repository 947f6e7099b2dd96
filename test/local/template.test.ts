import { parseTemplate } from "@weft/local/template/assembly";
import { resolveTemplates } from "@weft/local/template/resolve";
import { TemplateError } from "@weft/local/template/types";
import { describe, expect, it } from "vitest";
import { apiTemplate, stateTemplate } from "./fixture/template.ts";

const place = {
  region: "eu-west-1",
  account: "000000000000",
  queueBase: "http://localhost:9",
  keyId: (name: string) => name,
};

function resolve(resources: Record<string, unknown>, extra: Record<string, unknown> = {}) {
  return resolveTemplates([parseTemplate("S", JSON.stringify({ Resources: resources, ...extra }))], place);
}

const sub = (name: string) => `\${${name}}`;
const bus = (Name: unknown) => ({ Bus: { Type: "AWS::Events::EventBus", Properties: { Name } } });

describe("intrinsic functions", () => {
  it.each([
    [{ "Fn::Join": ["-", ["a", { Ref: "AWS::Region" }]] }, "a-eu-west-1"],
    [
      { "Fn::Sub": [sub("AWS::AccountId"), sub("Queue.Arn"), sub("!Literal")].join("/") },
      `000000000000/arn:aws:sqs:eu-west-1:000000000000:q/${sub("Literal")}`,
    ],
    [{ "Fn::Sub": [`${sub("Own")}!`, { Own: { Ref: "P" } }] }, "default!"],
    [{ "Fn::Select": ["1", { "Fn::Split": ["|", "a|b|c"] }] }, "b"],
    [{ "Fn::If": ["Yes", "then", "else"] }, "then"],
    [{ "Fn::If": ["No", "then", "else"] }, "else"],
    [{ "Fn::FindInMap": ["M", { Ref: "AWS::Region" }, "k"] }, "mapped"],
    [{ Ref: "Queue" }, "http://localhost:9/000000000000/q"],
    [{ "Fn::GetAtt": ["Queue", "QueueName"] }, "q"],
  ])("%j", (value, expected) => {
    const found = resolve(
      { ...bus(value), Queue: { Type: "AWS::SQS::Queue", Properties: { QueueName: "q" } } },
      {
        Parameters: { P: { Default: "default" } },
        Mappings: { M: { "eu-west-1": { k: "mapped" } } },
        Conditions: {
          Yes: { "Fn::Equals": [{ Ref: "AWS::Region" }, "eu-west-1"] },
          No: { "Fn::And": [{ Condition: "Yes" }, { "Fn::Not": [{ Condition: "Yes" }] }] },
        },
      },
    );
    expect(found[0]?.properties.Name).toBe(expected);
  });

  it("leaves out AWS::NoValue and resources whose condition is false", () => {
    const found = resolve(
      {
        ...bus({ Ref: "AWS::NoValue" }),
        Gone: { Type: "AWS::SQS::Queue", Condition: "No" },
      },
      { Conditions: { No: { "Fn::Equals": ["a", "b"] } } },
    );
    expect(found.map((one) => one.logicalId)).toEqual(["Bus"]);
    expect(found[0]?.properties).toEqual({});
  });

  it("imports what another stack exports", () => {
    const templates = [
      parseTemplate("Api", JSON.stringify(apiTemplate)),
      parseTemplate("State", JSON.stringify(stateTemplate)),
    ];
    const stream = resolveTemplates(templates, place).find((one) => one.logicalId === "Stream");
    expect(stream?.properties.Environment).toEqual({ Variables: { TABLE_NAME: "State-Table", STAGE: "local" } });
    expect(stream?.arn).toBe("arn:aws:lambda:eu-west-1:000000000000:function:stream");
  });
});

describe("refusals name the resource", () => {
  it.each([
    [{ Db: { Type: "AWS::RDS::DBInstance" } }, /S\/Db: the local cloud does not run AWS::RDS::DBInstance/],
    [bus({ "Fn::Cidr": ["10.0.0.0/16", 1] }), /S\/Bus: the local cloud does not know Fn::Cidr/],
    [bus({ Ref: "Missing" }), /S\/Bus: refers to Missing/],
    [bus({ "Fn::GetAtt": ["Bus2", "Nope"] }), /S\/Bus: refers to Bus2/],
    [bus({ "Fn::ImportValue": "nothing" }), /no stack exports nothing/],
  ])("%j", (resources, message) => {
    expect(() => resolve(resources)).toThrow(TemplateError);
    expect(() => resolve(resources)).toThrow(message);
  });
});
