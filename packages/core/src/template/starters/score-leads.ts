import { computed, draw, end, field, node, ref, type StarterSource, settings, start } from "./draw.ts";

const tidy = {
  externalId: "tidy",
  name: "Tidy a contact",
  canvas: draw(
    [
      start(field("name", "string"), field("email", "string")),
      end(
        computed("name", "$trim(start.name)"),
        computed("email", "$lowercase($trim(start.email))"),
        computed("domain", '$lowercase($trim($substringAfter(start.email, "@")))'),
      ),
    ],
    "start>end",
  ),
};

const score = {
  externalId: "score",
  name: "Score a contact",
  canvas: draw(
    [
      start(field("domain", "string"), field("employees", "integer")),
      settings({ freeMail: ["example.org", "mail.example"], large: 250 }),
      end(
        computed(
          "score",
          "(start.domain in settings.output.freeMail ? 0 : 40) + " +
            "(start.employees >= settings.output.large ? 60 : start.employees >= 10 ? 30 : 0)",
        ),
      ),
    ],
    "start>settings>end",
  ),
};

export const scoreLeads: StarterSource = {
  key: "score-leads",
  version: "v1.0.0",
  name: "Score leads with sub-workflows",
  description: "One workflow that calls two others, each of which can be tried, changed and used by itself.",
  category: "control-flow",
  tags: ["sub-workflow", "orchestration"],
  isFeatured: false,
  placeholders: [
    {
      name: "freeMail",
      title: "Domains that say nothing of a company",
      type: "list",
      targets: [{ object: "score", nodeId: "settings", path: "config.fields[0].value" }],
    },
    {
      name: "large",
      title: "Employees of a large company",
      type: "integer",
      targets: [{ object: "score", nodeId: "settings", path: "config.fields[1].value" }],
    },
    {
      name: "hot",
      title: "Score from which a lead is hot",
      type: "integer",
      targets: [{ nodeId: "settings", path: "config.fields[0].value" }],
    },
  ],
  exampleInput: { name: " Ada Lovelace ", email: "ADA@Engines.example", employees: 300 },
  workflows: [
    tidy,
    score,
    {
      externalId: "main",
      name: "Score leads",
      canvas: draw(
        [
          start(field("name", "string"), field("email", "string"), field("employees", "integer")),
          settings({ hot: 70 }),
          node(
            "tidy",
            "sub_workflow",
            "Tidy it",
            { workflowId: "tidy" },
            [ref("name", "start.name"), ref("email", "start.email")],
            { outputs: [field("name", "string"), field("email", "string"), field("domain", "string")] },
          ),
          node(
            "score",
            "sub_workflow",
            "Score it",
            { workflowId: "score" },
            [ref("domain", "tidy.domain"), ref("employees", "start.employees")],
            { outputs: [field("score", "integer")] },
          ),
          end(
            ref("name", "tidy.name"),
            ref("email", "tidy.email"),
            ref("score", "score.score"),
            computed("isHot", "score.score >= settings.output.hot"),
          ),
        ],
        "start>settings>tidy>score>end",
      ),
    },
  ],
};
