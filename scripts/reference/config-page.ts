/** docs/reference/config.md, the JSON schema for editors and the file of defaults, from shared/contract/config.ts. */
import { z } from 'zod';
import { type Config, configSchema, parseConfig } from '../../shared/contract/config.ts';

const head = `# Settings

Made from \`shared/contract/config.ts\` by \`scripts/gen-reference.ts\`; do not edit.

The service reads \`config.json\` in its data folder, or the file that \`blockhouse serve --config FILE\` names. Every setting
has a default, so the file may be missing, empty (\`{}\`) or name only what differs. A setting that is unknown or out of range
stops the start, and the message names all of them. Units stand in the names: \`Ms\` is milliseconds. A change takes effect
at the next start.

| setting | default | allowed | what it does |
| --- | --- | --- | --- |
`;

const property = z.object({
  description: z.string(),
  default: z.union([z.string(), z.number(), z.boolean()]),
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
});
type Property = z.output<typeof property>;

export function renderConfigPage(): string {
  const { properties } = z.object({ properties: z.record(z.string(), property) }).parse(settingsSchema());
  const settings = Object.entries(properties).filter(([name]) => name !== '$schema');
  const rows = settings.map(
    ([name, setting]) =>
      `| \`${name}\` | \`${setting.default}\` | ${allowed(setting)} | ${setting.description} |`,
  );
  return `${head}${rows.join('\n')}\n`;
}

function allowed(setting: Property): string {
  if (setting.enum !== undefined) return setting.enum.map((value) => `\`${value}\``).join(', ');
  return `${setting.minimum ?? ''} to ${setting.maximum ?? ''}`;
}

/** What a settings file may hold: nothing is required, `$schema` is for the editor. */
export function settingsSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, { io: 'input' });
  return {
    $schema: schema.$schema,
    title: 'Settings of Blockhouse',
    type: 'object',
    properties: {
      ...schema.properties,
      $schema: { type: 'string', description: 'For editors', default: '' },
    },
    additionalProperties: false,
  };
}

export function defaultSettings(): Config {
  return parseConfig({});
}
