/**
 * Service content, login and logout, the clock, privileges.
 */
import { invalidArgument, SimFault } from '../sim-fault.ts';
import { Moref, refListOf, textListOf, textOf, type Data } from '../values.ts';
import { type CallContext, finder, type Methods, type SessionContext } from './method.ts';

const refs: readonly (readonly [field: string, type: string, id: string])[] = [
  ['rootFolder', 'Folder', 'group-d1'],
  ['propertyCollector', 'PropertyCollector', 'propertyCollector'],
  ['viewManager', 'ViewManager', 'ViewManager'],
  ['sessionManager', 'SessionManager', 'SessionManager'],
  ['authorizationManager', 'AuthorizationManager', 'AuthorizationManager'],
  ['taskManager', 'TaskManager', 'TaskManager'],
  ['searchIndex', 'SearchIndex', 'SearchIndex'],
];

/** The singletons of ServiceContent that are objects of their own. */
export const singletons = refs
  .filter(([field]) => field !== 'rootFolder')
  .map(([, type, id]) => new Moref(type, id));

export function serviceContent(): Data {
  return {
    $type: 'ServiceContent',
    ...Object.fromEntries(refs.map(([field, type, id]) => [field, new Moref(type, id)])),
    about: {
      $type: 'AboutInfo',
      name: 'VMware vCenter Server',
      fullName: 'VMware vCenter Server 7.0.3 build-00000000',
      vendor: 'VMware, Inc.',
      version: '7.0.3',
      build: '00000000',
      localeVersion: 'INTL',
      localeBuild: '000',
      osType: 'linux-x64',
      productLineId: 'vpx',
      apiType: 'VirtualCenter',
      apiVersion: '7.0.3.0',
      instanceUuid: '5f0a6c3e-7d0f-4f0e-9a53-51b0c4a7e001',
    },
  };
}

/** Login works without a session, and fails with one. @throws SimFault InvalidLogin */
export function login(context: CallContext): Data {
  const { site, parameters, session } = context;
  const right =
    textOf(parameters, 'userName') === site.username && textOf(parameters, 'password') === site.password;
  if (!right || session !== undefined) {
    throw new SimFault('InvalidLogin', 'Cannot complete login due to an incorrect user name or password.');
  }
  if (site.sessions.count >= (site.config.maxSessions ?? 100)) {
    throw new SimFault('SystemError', 'A general system error occurred: too many sessions', {
      reason: 'too many sessions',
    });
  }
  const opened = site.sessions.open(site.username);
  context.setCookie(`vmware_soap_session="${opened.cookie}"; Path=/; HttpOnly; Secure; `);
  return opened.toData();
}

function hasPrivileges({ site, parameters, session }: SessionContext): Data[] {
  const key = textOf(parameters, 'sessionId');
  if (key !== session.key && !site.sessions.all().some((each) => each.key === key))
    throw invalidArgument('sessionId');
  const find = finder(site, session);
  return refListOf(parameters, 'entity').map((entity) => {
    if (find(entity) === undefined) throw invalidArgument('entity');
    const privAvailability = textListOf(parameters, 'privId').map((privId) => ({
      $type: 'PrivilegeAvailability',
      privId,
      isGranted: site.config.deniedPrivileges?.includes(privId) !== true,
    }));
    return { $type: 'EntityPrivilege', entity, privAvailability };
  });
}

export const sessionMethods: Methods = {
  RetrieveServiceContent: serviceContent,
  CurrentTime: () => new Date(),
  Logout: ({ site, session }) => {
    site.sessions.close(session);
    return undefined;
  },
  HasPrivilegeOnEntities: hasPrivileges,
};
