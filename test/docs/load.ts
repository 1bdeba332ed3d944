// Load a module of a page, wait until what it awaits is there, and end.
import { pathToFileURL } from 'node:url';

await import(pathToFileURL(process.argv[2] ?? '').href);
process.exit(0);
