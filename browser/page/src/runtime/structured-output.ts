/**
 * The engine of transformers.js' structured output, loaded when it is first needed. Its package exports a processor alone,
 * which needs all of transformers.js: `engine.mjs` says where the engine is.
 */

type Value = null | boolean | number | string | Value[] | { [key: string]: Value };
export type JSONSchema = boolean | { [key: string]: Value };
export type Engine = typeof import('structured-output-engine');

export const engine = (): Promise<Engine> => import('structured-output-engine');
