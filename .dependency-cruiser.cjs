/**
 * What may import what. Floors stand on each other and never look up; every heavy package and every side effect has
 * one owner. A broken rule prints its comment, which says what to do.
 *
 *   base ← domain ← contract, format ← repository, vsphere ← master | worker          tests, scripts → anything
 */
'use strict';

const SOURCE = '^(master|worker|shared)/';
const BASE = '^shared/base/';
const DOMAIN = '^shared/domain/';
const CONTRACT = '^shared/contract/';
const FORMAT = '^shared/format/';
const REPOSITORY = '^shared/repository/';
const VSPHERE = '^shared/vsphere/';
const PORTS = '^worker/ports\\.ts$';

/** Files in `from` may import of our own source only themselves and `allowed`. */
const floor = (name, from, allowed, comment) => ({
  name: `floor-${name}`,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: SOURCE, pathNot: [from, ...allowed] },
});

/** Only files in `owners` may import the npm package or core module. */
const owned = (name, target, owners, comment) => ({
  name: `owner-of-${name}`,
  comment,
  severity: 'error',
  from: { path: SOURCE, pathNot: owners },
  to: { path: target },
});

/** `owners` are folders or files, as regular expressions. */
const ownedPackage = (name, owners, comment) => owned(name, `(^|/)node_modules/${name}/`, owners, comment);

const floors = [
  floor('base', BASE, [], 'base knows nothing about backup: move the code up, or the thing it needs down'),
  floor(
    'domain',
    DOMAIN,
    ['^shared/base/(errors|error-table|assert|units)\\.ts$'],
    'The domain is functions over plain data: hand the value in as a parameter',
  ),
  floor(
    'contract',
    CONTRACT,
    [BASE, DOMAIN],
    'A contract speaks of domain values only: map them in master or worker',
  ),
  floor(
    'format',
    FORMAT,
    [BASE, DOMAIN],
    'A format turns bytes into values: do the reading in shared/repository',
  ),
  floor(
    'repository',
    REPOSITORY,
    [BASE, DOMAIN, FORMAT],
    'The repository knows no vSphere, no job and no message: hand plain values in',
  ),
  floor(
    'vsphere',
    VSPHERE,
    [BASE, DOMAIN],
    'vSphere knows no repository and no message: hand plain values in',
  ),
  floor(
    'catalog',
    '^master/catalog/',
    [BASE, DOMAIN, CONTRACT],
    'The catalog keeps rows: decide above it, in master/jobs, dispatch or service',
  ),
  floor(
    'registry',
    '^master/registry/',
    [BASE, DOMAIN, '^master/catalog/'],
    'Streams are counted, not used, here',
  ),
  floor(
    'jobs',
    '^master/jobs/',
    [BASE, DOMAIN, '^master/catalog/'],
    'Planning is pure: read what it needs in dispatch or service, and hand it in',
  ),
  floor(
    'retention',
    '^master/retention/',
    [BASE, DOMAIN, CONTRACT, '^shared/repository/pins\\.ts$', '^master/(catalog|jobs|dispatch)/'],
    'What is kept is decided from rows; devices are reached through the port in retention/removal.ts',
  ),
  floor(
    'dispatch',
    '^master/dispatch/',
    [BASE, DOMAIN, CONTRACT, '^master/(catalog|registry|jobs)/'],
    'Dispatch reaches servers and devices through dispatch/ports.ts, which master/adapters fulfils',
  ),
  floor(
    'service-and-views',
    '^master/(service|views|restore|adapters)/',
    ['^shared/', '^master/(?!http/|cli/|cli\\.ts$|main\\.ts$|daemon\\.ts$|app\\.ts$)'],
    'Services know neither the HTTP server nor the command line: return values, let the rim show them',
  ),
  floor(
    'http',
    '^master/http/',
    [BASE, DOMAIN, CONTRACT, '^master/services\\.ts$'],
    'HTTP calls the interfaces of master/services.ts and nothing else of the master',
  ),
  floor(
    'cli',
    '^master/cli/',
    [BASE, DOMAIN, CONTRACT],
    'The command line talks to the service over the API (cli/api-client.ts), as a stranger would',
  ),
  floor(
    'filter-and-pipeline',
    '^worker/(filter|pipeline)/',
    [BASE, DOMAIN, FORMAT, REPOSITORY, PORTS],
    'Filters and the pipeline see disks only through worker/ports.ts',
  ),
  floor(
    'filter-without-repository',
    '^worker/filter/',
    [BASE, DOMAIN, PORTS],
    'A filter reads a disk and says what the guest uses: it knows nothing of where the copy goes',
  ),
  floor(
    'transport',
    '^worker/transport/',
    [BASE, DOMAIN, VSPHERE, PORTS],
    'A transport turns a place into a BlockReader of worker/ports.ts',
  ),
];

const borders = [
  {
    name: 'no-cycle',
    comment: 'Two files that need each other are one idea, or a third file is missing below them',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'master-and-worker-never-meet',
    comment: 'What both need is shared: messages in shared/contract, words in shared/domain',
    severity: 'error',
    from: { path: '^master/' },
    to: { path: '^worker/' },
  },
  {
    name: 'worker-and-master-never-meet',
    comment: 'A worker asks the master over IPC (shared/contract/ipc.ts)',
    severity: 'error',
    from: { path: '^worker/' },
    to: { path: '^master/' },
  },
  {
    name: 'source-without-tests-and-scripts',
    comment: 'Source must run without tests/ and scripts/: move what it needs into the source',
    severity: 'error',
    from: { path: SOURCE },
    to: { path: '^(tests|scripts)/' },
  },
  {
    name: 'simulator-stands-alone',
    comment: 'The simulated vCenter shares no code with what it tests, or one mistake would hide the other',
    severity: 'error',
    from: { path: '^tests/support/vcenter-sim/' },
    to: {
      path: '^(master|worker|shared|scripts|tests)/',
      pathNot: ['^tests/support/vcenter-sim/', '^tests/support/(fixtures|disk-patches|run-source)\\.ts$'],
    },
  },
  {
    name: 'domain-without-node-and-npm',
    comment: 'The domain runs anywhere: no Node module and no package',
    severity: 'error',
    from: { path: DOMAIN },
    to: { dependencyTypes: ['core', 'npm', 'npm-dev'] },
  },
  {
    name: 'pure-floors-without-files',
    comment: 'Files are opened at the rim: take a reader or bytes as a parameter',
    severity: 'error',
    from: { path: [CONTRACT, FORMAT, '^worker/filter/'] },
    to: { path: '^(node:)?fs(/promises)?$' },
  },
  {
    name: 'source-without-dev-packages',
    comment: 'The package is missing on an installed machine: move it to "dependencies"',
    severity: 'error',
    from: { path: SOURCE },
    to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
  },
  {
    name: 'resolvable',
    comment: 'The import leads nowhere: correct the path, or add the package',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
];

const owners = [
  ownedPackage('better-sqlite3', ['^master/catalog/'], 'Add a statement to master/catalog and call that'),
  ownedPackage(
    'fastify',
    ['^master/http/'],
    'Add a route to shared/contract/routes.ts and serve it in master/http',
  ),
  ownedPackage('yargs', ['^master/cli(/|\\.ts$)'], 'Options are parsed in master/cli only'),
  ownedPackage('cli-table3', ['^master/cli/'], 'Tables are drawn in master/cli only'),
  ownedPackage('soap', ['^shared/vsphere/soap/'], 'Call shared/vsphere/soap/soap-client.ts'),
  ownedPackage(
    'piscina',
    ['^worker/pipeline/thread-pool\\.ts$'],
    'Use CodePool of worker/pipeline/thread-pool.ts',
  ),
  ownedPackage(
    'undici',
    ['^shared/vsphere/', '^worker/transport/', '^master/cli/api-client\\.ts$'],
    'HTTP is spoken by shared/vsphere, worker/transport and the API client only',
  ),
  ownedPackage('winston', ['^shared/base/log\\.ts$'], 'Take a Log (shared/base/log.ts)'),
  ownedPackage(
    'picomatch',
    ['^master/jobs/selection\\.ts$'],
    'Patterns are matched in master/jobs/selection.ts only',
  ),
  ownedPackage(
    'zod',
    [CONTRACT, FORMAT, '^master/secrets\\.ts$', '^master/(cli|http)/'],
    'Outside data is checked where it enters: add the schema to shared/contract or shared/format',
  ),
  ownedPackage('zstd-napi', ['^shared/repository/'], 'Use shared/repository/compression.ts'),
  owned(
    'node-cluster',
    '^(node:)?cluster$',
    ['^master/dispatch/worker-pool\\.ts$', '^worker/main\\.ts$'],
    'Worker processes are started in master/dispatch/worker-pool.ts only',
  ),
];

module.exports = {
  forbidden: [...borders, ...floors, ...owners],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
  },
};
