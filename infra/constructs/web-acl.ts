import { CfnWebACL, CfnWebACLAssociation } from "aws-cdk-lib/aws-wafv2";
import { Construct } from "constructs";

/** Rules that read bodies only count: canvases, prompts and code hold markup, paths and addresses by nature. */
const BODY_RULES = [
  "SizeRestrictions_BODY",
  "CrossSiteScripting_BODY",
  "GenericLFI_BODY",
  "GenericRFI_BODY",
  "EC2MetaDataSSRF_BODY",
];

const visibility = (metricName: string) => ({
  cloudWatchMetricsEnabled: true,
  metricName,
  sampledRequestsEnabled: false,
});

function managedRules(name: string, priority: number, countOnly: readonly string[] = []) {
  return {
    name,
    priority,
    overrideAction: { none: {} },
    statement: {
      managedRuleGroupStatement: {
        vendorName: "AWS",
        name,
        ruleActionOverrides: countOnly.map((rule) => ({ name: rule, actionToUse: { count: {} } })),
      },
    },
    visibilityConfig: visibility(name),
  };
}

export interface WebAclProps {
  readonly resourceArn: string;
  readonly requestsPerAddress: number;
}

/** AWS's common rules and a ceiling on requests of one address, before one API stage. */
export class WebAcl extends Construct {
  constructor(scope: Construct, id: string, props: WebAclProps) {
    super(scope, id);
    const acl = new CfnWebACL(this, "Acl", {
      scope: "REGIONAL",
      defaultAction: { allow: {} },
      visibilityConfig: visibility("WebAcl"),
      rules: [
        {
          name: "RequestsPerAddress",
          priority: 0,
          action: { block: {} },
          statement: { rateBasedStatement: { aggregateKeyType: "IP", limit: props.requestsPerAddress } },
          visibilityConfig: visibility("RequestsPerAddress"),
        },
        managedRules("AWSManagedRulesCommonRuleSet", 1, BODY_RULES),
        managedRules("AWSManagedRulesKnownBadInputsRuleSet", 2),
      ],
    });
    new CfnWebACLAssociation(this, "Association", { resourceArn: props.resourceArn, webAclArn: acl.attrArn });
  }
}
