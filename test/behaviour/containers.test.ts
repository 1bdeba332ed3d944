// examples/Containerfile and examples/kubernetes.yaml. Neither a container runtime nor a cluster is at hand: the commands
// of the one are run in an empty directory, and the other is checked against the schema of the API and against the first.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Deployment } from 'kubernetes-models/apps/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { Service } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';
import { parseCommand } from '../../lib/config.js';
import { ask } from '../helpers/ask.js';
import { Command } from '../helpers/command.js';
import { cleanEnvironment, eventually, root, temporaryDirectory } from '../helpers/processes.js';

const containerfile = readFileSync(join(root, 'examples/Containerfile'), 'utf8');
const manifest = readFileSync(join(root, 'examples/kubernetes.yaml'), 'utf8');

/** Its instructions in order: `['RUN', 'npm ci']`. */
const instructions = containerfile
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    return [name, rest] as const;
  });

function instruction(name: string): string {
  const found = instructions.filter(([each]) => each === name);
  assert.equal(found.length, 1, `${name} stands there once`);
  return found[0]?.[1] ?? '';
}

/** What is in front of the build: an application with this package among its dependencies. */
function context(t: TestContext): string {
  // As deep as the image, since the lock file has a relative path to the package.
  const directory = join(temporaryDirectory(t), 'srv/app');
  mkdirSync(directory, { recursive: true });
  const dependencies = { 'chaussette-server': `file:${root.replace(/\/$/, '')}` };
  writeFileSync(
    join(directory, 'package.json'),
    JSON.stringify({ name: 'shop', private: true, type: 'module', dependencies }),
  );
  writeFileSync(join(directory, 'server.js'), "export const app = (req, res) => res.end('shop');");
  npm(directory, ['install', '--package-lock-only', '--ignore-scripts']);
  return directory;
}

function npm(cwd: string, args: readonly string[]): void {
  const all = [...args, '--no-audit', '--no-fund', '--offline'];
  execFileSync('npm', all, { cwd, env: cleanEnvironment(), stdio: 'pipe' });
}

/** Follow COPY and RUN in an empty directory. @returns Its path. */
function build(t: TestContext): string {
  const from = context(t);
  const image = join(temporaryDirectory(t), instruction('WORKDIR'));
  mkdirSync(image, { recursive: true });
  for (const [name, rest] of instructions) {
    if (name === 'COPY') {
      const words = rest.split(' ');
      for (const file of words.slice(0, -1))
        cpSync(join(from, file), join(image, words.at(-1) ?? '', file), { recursive: true });
    }
    // The package is a link here: its install script has run.
    if (name === 'RUN') npm(image, [...rest.split(' ').slice(1), '--ignore-scripts']);
  }
  return image;
}

test('Containerfile: what its commands build serves, tells its health, and ends on its STOPSIGNAL', async (t) => {
  const image = build(t);
  const [entry = ''] = JSON.parse(instruction('ENTRYPOINT'));
  const args: string[] = JSON.parse(instruction('CMD'));
  const elsewhere = args.map((arg) =>
    arg.replace('0.0.0.0:8080', '127.0.0.1:0').replace('0.0.0.0:9100', '127.0.0.1:0'),
  );
  assert.notDeepEqual(elsewhere, args);
  const command = new Command(t, elsewhere, { cwd: image }, join(image, entry));
  await command.serving();
  const portOf = async (pattern: RegExp): Promise<number> => Number((await command.line(pattern))[1]);
  const status = await portOf(/Status on 127\.0\.0\.1:(\d+)/);
  assert.equal((await ask({ port: await portOf(/Serving on 127\.0\.0\.1:(\d+)/) })).text, 'shop');
  await eventually('to be ready', async () =>
    (await ask({ port: status, path: '/health' })).status === 200 ? true : undefined,
  );
  command.signal(instruction('STOPSIGNAL') as NodeJS.Signals);
  assert.equal(await command.end(), 0, command.stderr);
});

test('Containerfile: only instructions that were followed here', () => {
  const names = new Set(instructions.map(([name]) => name));
  assert.deepEqual([...names].sort(), [
    'CMD',
    'COPY',
    'ENTRYPOINT',
    'EXPOSE',
    'FROM',
    'RUN',
    'STOPSIGNAL',
    'USER',
    'WORKDIR',
  ]);
  const ports = instruction('EXPOSE').split(' ');
  for (const port of ports) assert.ok(instruction('CMD').includes(`:${port}"`), port);
  assert.match(instruction('FROM'), /^node:(?:20|22|24)-/);
});

const documents = parseAllDocuments(manifest).map((document) => {
  assert.deepEqual([...document.errors, ...document.warnings], []);
  return document.toJS();
});

test('kubernetes.yaml: each object is valid by the schema of the API, and has no other field', () => {
  const kinds = { Deployment, Service, PodDisruptionBudget };
  assert.deepEqual(
    documents.map(({ kind }) => kind),
    Object.keys(kinds),
  );
  for (const document of documents) {
    const Kind = kinds[document.kind as keyof typeof kinds];
    const { kind, apiVersion } = new Kind(document);
    assert.deepEqual([document.kind, document.apiVersion], [kind, apiVersion]);
    new Kind(document).validate();
    assert.throws(() =>
      new Kind({ ...document, spec: { ...document.spec, replicas: 'three', selector: 1 } }).validate(),
    );
  }
});

test('kubernetes.yaml: its parts fit each other, and the options', async () => {
  const [deployment, service, budget] = documents;
  const { selector, replicas, template } = deployment.spec;
  const [container] = template.spec.containers;
  assert.deepEqual(template.metadata.labels, selector.matchLabels);
  assert.deepEqual(service.spec.selector, selector.matchLabels);
  assert.deepEqual(budget.spec.selector, selector);
  assert.ok(budget.spec.minAvailable < replicas);

  const { options } = await parseCommand(container.args, {});
  const portOf = (address: string | undefined): number => Number(address?.split(':')[1]);
  const ports = new Map(
    container.ports.map(({ name, containerPort }: { name: string; containerPort: number }) => [
      name,
      containerPort,
    ]),
  );
  assert.equal(ports.get('http'), portOf(options.bind[0]));
  assert.equal(ports.get('status'), portOf(options.status));
  assert.equal(service.spec.ports[0].targetPort, 'http');
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
    assert.deepEqual(container[probe].httpGet, { path: '/health', port: 'status' }, probe);
  }
  // It has left the endpoints before it stops accepting, and has ended before it is killed.
  const { readinessProbe } = container;
  assert.ok(options.drainDelay > readinessProbe.periodSeconds * readinessProbe.failureThreshold);
  assert.ok(template.spec.terminationGracePeriodSeconds >= options.drainDelay + options.gracefulTimeout + 5);
});
