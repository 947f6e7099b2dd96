declare module "asl-validator" {
  interface AslFinding {
    readonly Message?: string;
    readonly "Error code"?: string;
  }
  /** Checks a States Language definition against its schema and its transitions. */
  export default function validate(definition: unknown): { readonly isValid: boolean; readonly errors: AslFinding[] };
}
