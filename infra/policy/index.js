// JavaScript, because Pulumi would compile a TypeScript entry with its own compiler.
import { PolicyPack } from "@pulumi/policy";
import { known } from "./known.ts";
import { RULES } from "./rules.ts";

/** The policy pack of `npx pulumi preview --policy-pack infra/policy`. */
new PolicyPack("stack-rules", {
  policies: RULES.map((rule) => ({
    name: rule.name,
    description: rule.description,
    enforcementLevel: "mandatory",
    validateResource: ({ type, name, props, urn }, report) => {
      // urn:pulumi:STACK::PROJECT::TYPE::NAME
      const [, , stack = "", , product = ""] = urn.split(":");
      const inputs = known(props);
      for (const violation of rule.violations({ type, name, inputs, stack, product })) {
        report(`${name} ${violation}.`);
      }
    },
  })),
});
