/**
 * Write src/api/schema.d.ts from the API document (first argument, or ../api/openapi.yaml).
 * It is made anew by every build and never committed: so it can't be older than the document,
 * and a change there that the UI does not know of stops the build in the type checker.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';

const source = resolve(process.argv[2] ?? '../api/openapi.yaml');
const target = 'src/api/schema.d.ts';
const text = astToString(await openapiTS(pathToFileURL(source)));
const before = await readFile(target, 'utf8').catch(() => '');
if (text !== before)
	await writeFile(target, text);
