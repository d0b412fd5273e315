/**
 * The methods that the simulator knows: name, receiver's type, `>` result (`void`, `?` may be unset, `*` many),
 * then the parameters in order (`?` optional, `*` many).
 * Source: vSphere Web Services API, urn:vim25/7.0.3.0.
 */
export const methodLines = `
RetrieveServiceContent ServiceInstance >ServiceContent
CurrentTime ServiceInstance >dateTime
Login SessionManager >UserSession userName:string password:string locale:string?
Logout SessionManager >void
RetrievePropertiesEx PropertyCollector >RetrieveResult? specSet:PropertyFilterSpec* options:RetrieveOptions
ContinueRetrievePropertiesEx PropertyCollector >RetrieveResult token:string
CancelRetrievePropertiesEx PropertyCollector >void token:string
CreateFilter PropertyCollector >ManagedObjectReference spec:PropertyFilterSpec partialUpdates:boolean
WaitForUpdatesEx PropertyCollector >UpdateSet? version:string? options:WaitOptions?
DestroyPropertyFilter PropertyFilter >void
CancelWaitForUpdates PropertyCollector >void
CreatePropertyCollector PropertyCollector >ManagedObjectReference
DestroyPropertyCollector PropertyCollector >void
CreateContainerView ViewManager >ManagedObjectReference container:ManagedObjectReference type:string*?
  recursive:boolean
DestroyView View >void
FindByInventoryPath SearchIndex >ManagedObjectReference? inventoryPath:string
FindByUuid SearchIndex >ManagedObjectReference? datacenter:ManagedObjectReference? uuid:string
  vmSearch:boolean instanceUuid:boolean?
HasPrivilegeOnEntities AuthorizationManager >EntityPrivilege* entity:ManagedObjectReference*
  sessionId:string privId:string*?
ReconfigVM_Task VirtualMachine >ManagedObjectReference spec:VirtualMachineConfigSpec
CreateSnapshot_Task VirtualMachine >ManagedObjectReference name:string description:string? memory:boolean
  quiesce:boolean
CreateSnapshotEx_Task VirtualMachine >ManagedObjectReference name:string description:string? memory:boolean
  quiesceSpec:VirtualMachineGuestQuiesceSpec?
RemoveSnapshot_Task VirtualMachineSnapshot >ManagedObjectReference removeChildren:boolean
  consolidate:boolean?
RemoveAllSnapshots_Task VirtualMachine >ManagedObjectReference consolidate:boolean?
ConsolidateVMDisks_Task VirtualMachine >ManagedObjectReference
QueryChangedDiskAreas VirtualMachine >DiskChangeInfo snapshot:ManagedObjectReference? deviceKey:int
  startOffset:long changeId:string
CancelTask Task >void
PowerOnVM_Task VirtualMachine >ManagedObjectReference host:ManagedObjectReference?
PowerOffVM_Task VirtualMachine >ManagedObjectReference
`;
