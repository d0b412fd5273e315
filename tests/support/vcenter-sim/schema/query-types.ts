/**
 * The types of the property collector, the views and the sessions.
 * One line a type: its name, its base (or `-`), its fields in order (`?` optional, `*` many).
 * Source: vSphere Web Services API, urn:vim25/7.0.3.0.
 */
export const queryTypes = `
DynamicData -
ServiceContent DynamicData rootFolder:ManagedObjectReference propertyCollector:ManagedObjectReference
  viewManager:ManagedObjectReference? about:AboutInfo setting:ManagedObjectReference?
  userDirectory:ManagedObjectReference? sessionManager:ManagedObjectReference?
  authorizationManager:ManagedObjectReference? serviceManager:ManagedObjectReference?
  perfManager:ManagedObjectReference? scheduledTaskManager:ManagedObjectReference?
  alarmManager:ManagedObjectReference? eventManager:ManagedObjectReference?
  taskManager:ManagedObjectReference? extensionManager:ManagedObjectReference?
  customizationSpecManager:ManagedObjectReference? guestCustomizationManager:ManagedObjectReference?
  customFieldsManager:ManagedObjectReference? accountManager:ManagedObjectReference?
  diagnosticManager:ManagedObjectReference? licenseManager:ManagedObjectReference?
  searchIndex:ManagedObjectReference? fileManager:ManagedObjectReference?
  datastoreNamespaceManager:ManagedObjectReference? virtualDiskManager:ManagedObjectReference?
  virtualizationManager:ManagedObjectReference? snmpSystem:ManagedObjectReference?
  vmProvisioningChecker:ManagedObjectReference? vmCompatibilityChecker:ManagedObjectReference?
  ovfManager:ManagedObjectReference? ipPoolManager:ManagedObjectReference?
  dvSwitchManager:ManagedObjectReference? hostProfileManager:ManagedObjectReference?
  clusterProfileManager:ManagedObjectReference? complianceManager:ManagedObjectReference?
  localizationManager:ManagedObjectReference? storageResourceManager:ManagedObjectReference?
  guestOperationsManager:ManagedObjectReference? overheadMemoryManager:ManagedObjectReference?
  certificateManager:ManagedObjectReference? ioFilterManager:ManagedObjectReference?
  vStorageObjectManager:ManagedObjectReference? hostSpecManager:ManagedObjectReference?
  cryptoManager:ManagedObjectReference? healthUpdateManager:ManagedObjectReference?
  failoverClusterConfigurator:ManagedObjectReference? failoverClusterManager:ManagedObjectReference?
  tenantManager:ManagedObjectReference? siteInfoManager:ManagedObjectReference?
  storageQueryManager:ManagedObjectReference?
AboutInfo DynamicData name:string fullName:string vendor:string version:string patchLevel:string?
  build:string localeVersion:string? localeBuild:string? osType:string productLineId:string apiType:string
  apiVersion:string instanceUuid:string? licenseProductName:string? licenseProductVersion:string?
UserSession DynamicData key:string userName:string fullName:string loginTime:dateTime
  lastActiveTime:dateTime locale:string messageLocale:string extensionSession:boolean? ipAddress:string?
  userAgent:string? callCount:long?
PropertyFilterSpec DynamicData propSet:PropertySpec* objectSet:ObjectSpec*
  reportMissingObjectsInResults:boolean?
PropertySpec DynamicData type:string all:boolean? pathSet:string*?
ObjectSpec DynamicData obj:ManagedObjectReference skip:boolean? selectSet:SelectionSpec*?
SelectionSpec DynamicData name:string?
TraversalSpec SelectionSpec type:string path:string skip:boolean? selectSet:SelectionSpec*?
RetrieveOptions DynamicData maxObjects:int?
RetrieveResult DynamicData token:string? objects:ObjectContent*
ObjectContent DynamicData obj:ManagedObjectReference propSet:DynamicProperty*? missingSet:MissingProperty*?
DynamicProperty - name:string val:anyType
MissingProperty DynamicData path:string fault:LocalizedMethodFault
WaitOptions DynamicData maxWaitSeconds:int? maxObjectUpdates:int?
UpdateSet DynamicData version:string filterSet:PropertyFilterUpdate*? truncated:boolean?
PropertyFilterUpdate DynamicData filter:ManagedObjectReference objectSet:ObjectUpdate*?
  missingSet:MissingObject*?
ObjectUpdate DynamicData kind:ObjectUpdateKind obj:ManagedObjectReference changeSet:PropertyChange*?
  missingSet:MissingProperty*?
PropertyChange DynamicData name:string op:PropertyChangeOp val:anyType?
MissingObject DynamicData obj:ManagedObjectReference fault:LocalizedMethodFault
EntityPrivilege DynamicData entity:ManagedObjectReference privAvailability:PrivilegeAvailability*
PrivilegeAvailability DynamicData privId:string isGranted:boolean
DiskChangeInfo DynamicData startOffset:long length:long changedArea:DiskChangeExtent*?
DiskChangeExtent DynamicData start:long length:long
TaskInfo DynamicData key:string task:ManagedObjectReference description:LocalizableMessage? name:string?
  descriptionId:string entity:ManagedObjectReference? entityName:string? locked:ManagedObjectReference*?
  state:TaskInfoState cancelled:boolean cancelable:boolean error:LocalizedMethodFault? result:anyType?
  progress:int? reason:TaskReason queueTime:dateTime startTime:dateTime? completeTime:dateTime?
  eventChainId:int changeTag:string? parentTaskKey:string? rootTaskKey:string? activationId:string?
TaskReason DynamicData
TaskReasonUser TaskReason userName:string
LocalizedMethodFault DynamicData fault:MethodFault localizedMessage:string?
LocalizableMessage DynamicData key:string arg:KeyAnyValue*? message:string?
KeyAnyValue DynamicData key:string value:anyType
KeyValue DynamicData key:string value:string
Description DynamicData label:string summary:string
ElementDescription Description key:string
OptionValue DynamicData key:string value:anyType?
OptionDef ElementDescription optionType:OptionType
OptionType DynamicData valueIsReadonly:boolean?
ChoiceOption OptionType choiceInfo:ElementDescription* defaultIndex:int?
VirtualMachineGuestQuiesceSpec DynamicData timeout:int?
VirtualMachineWindowsQuiesceSpec VirtualMachineGuestQuiesceSpec vssBackupType:int?
  vssBootableSystemState:boolean? vssPartialFileSupport:boolean? vssBackupContext:string?
`;
