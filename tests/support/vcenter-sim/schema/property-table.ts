/**
 * Managed object types: name, base (or `-`), properties with their types. XSD says nothing about these; they
 * are the "Properties" tables of the vSphere Web Services API reference 7.0, as far as the simulator has them.
 */
export const managedLines = `
ServiceInstance - serverClock:dateTime content:ServiceContent
SessionManager - sessionList:UserSession*? currentSession:UserSession? message:string? defaultLocale:string
PropertyCollector - filter:ManagedObjectReference*?
PropertyFilter - spec:PropertyFilterSpec partialUpdates:boolean
ViewManager - viewList:ManagedObjectReference*?
SearchIndex -
AuthorizationManager -
View -
ManagedObjectView View view:ManagedObjectReference*?
ContainerView ManagedObjectView container:ManagedObjectReference type:string*? recursive:boolean
ExtensibleManagedObject - value:CustomFieldValue*? availableField:CustomFieldDef*?
ManagedEntity ExtensibleManagedObject parent:ManagedObjectReference? customValue:CustomFieldValue*?
  overallStatus:ManagedEntityStatus configStatus:ManagedEntityStatus configIssue:Event*? effectiveRole:int*?
  permission:Permission*? name:string disabledMethod:string*? recentTask:ManagedObjectReference*?
  declaredAlarmState:AlarmState*? triggeredAlarmState:AlarmState*? alarmActionsEnabled:boolean? tag:Tag*?
Folder ManagedEntity childType:string*? childEntity:ManagedObjectReference*? namespace:string?
Datacenter ManagedEntity vmFolder:ManagedObjectReference hostFolder:ManagedObjectReference
  datastoreFolder:ManagedObjectReference networkFolder:ManagedObjectReference
  datastore:ManagedObjectReference*? network:ManagedObjectReference*? configuration:DatacenterConfigInfo?
ComputeResource ManagedEntity resourcePool:ManagedObjectReference? host:ManagedObjectReference*?
  datastore:ManagedObjectReference*? network:ManagedObjectReference*? summary:ComputeResourceSummary
  environmentBrowser:ManagedObjectReference? configurationEx:ComputeResourceConfigInfo?
ClusterComputeResource ComputeResource configuration:ClusterConfigInfo? recommendation:ClusterRecommendation*?
  drsRecommendation:ClusterDrsRecommendation*? migrationHistory:ClusterDrsMigration*?
ResourcePool ManagedEntity summary:ResourcePoolSummary? runtime:ResourcePoolRuntimeInfo?
  owner:ManagedObjectReference resourcePool:ManagedObjectReference*? vm:ManagedObjectReference*?
  config:ResourceConfigSpec? childConfiguration:ResourceConfigSpec*?
HostSystem ManagedEntity runtime:HostRuntimeInfo summary:HostListSummary hardware:HostHardwareInfo?
  capability:HostCapability? config:HostConfigInfo? vm:ManagedObjectReference*?
  datastore:ManagedObjectReference*? network:ManagedObjectReference*? datastoreBrowser:ManagedObjectReference?
Datastore ManagedEntity info:DatastoreInfo summary:DatastoreSummary host:DatastoreHostMount*?
  vm:ManagedObjectReference*? browser:ManagedObjectReference? capability:DatastoreCapability
  iormConfiguration:StorageIORMInfo?
Network ManagedEntity summary:NetworkSummary? host:ManagedObjectReference*? vm:ManagedObjectReference*?
VirtualMachine ManagedEntity capability:VirtualMachineCapability config:VirtualMachineConfigInfo?
  layout:VirtualMachineFileLayout? layoutEx:VirtualMachineFileLayoutEx? storage:VirtualMachineStorageInfo?
  environmentBrowser:ManagedObjectReference? resourcePool:ManagedObjectReference?
  parentVApp:ManagedObjectReference? resourceConfig:ResourceConfigSpec? runtime:VirtualMachineRuntimeInfo
  guest:GuestInfo? summary:VirtualMachineSummary datastore:ManagedObjectReference*?
  network:ManagedObjectReference*? snapshot:VirtualMachineSnapshotInfo?
  rootSnapshot:ManagedObjectReference*? guestHeartbeatStatus:ManagedEntityStatus
VirtualMachineSnapshot ExtensibleManagedObject config:VirtualMachineConfigInfo
  childSnapshot:ManagedObjectReference*? vm:ManagedObjectReference
TaskManager - recentTask:ManagedObjectReference*? maxCollector:int
Task ExtensibleManagedObject info:TaskInfo
`;
