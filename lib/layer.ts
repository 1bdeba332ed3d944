import type { OptionName } from './options.js';

/** What one source (flags, environment, file) says of an option, before it is read. */
export interface Given {
  readonly texts: string[];
  /** What people call it: `--port`, `CHAUSSETTE_PORT`, `port in app.json`. */
  readonly label: string;
}

/** One source. */
export type Layer = Map<OptionName, Given>;

/** Add what a source says of an option; the last text counts, unless the option is repeatable. */
export function add(layer: Layer, name: OptionName, label: string, text: string): void {
  const given = layer.get(name);
  if (given === undefined) layer.set(name, { texts: [text], label });
  else given.texts.push(text);
}
