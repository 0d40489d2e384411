/** Take the registry's addresses out of package-lock.json: versions and digests are all that npm needs. */
import { readFile, writeFile } from 'node:fs/promises';

const name = 'package-lock.json';
const lock = JSON.parse(await readFile(name, 'utf8'));
for (const entry of Object.values(lock.packages))
	delete entry.resolved;
await writeFile(name, `${JSON.stringify(lock, null, '\t')}\n`);
