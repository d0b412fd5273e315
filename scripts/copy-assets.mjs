/** Copies what tsc does not emit (SQL migrations, the WSDL subset) beside the compiled files that read it. */
import { cpSync } from 'node:fs';

const assets = ['master/catalog/migrations', 'shared/vsphere/soap/vim25.wsdl'];
for (const asset of assets) {
  cpSync(new URL(`../${asset}`, import.meta.url), new URL(`../dist/${asset}`, import.meta.url), {
    recursive: true,
  });
}
