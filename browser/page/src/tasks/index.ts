/** The tasks of the page, by the type of the request that asks for them. To add a task, add a file and a row. */

import { embed } from './embed.js';
import { generate } from './generate.js';
import { run } from './run.js';
import { score } from './score.js';

export const TASKS = { embed, generate, run, score };
