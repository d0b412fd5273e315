/**
 * The faults that calls and tasks can end with.
 * One line a type: its name, its base (or `-`), its fields in order (`?` optional, `*` many).
 * Source: vSphere Web Services API, urn:vim25/7.0.3.0.
 */
export const faultTypes = `
InvalidVmConfig VmConfigFault property:string?
MethodFault - faultCause:LocalizedMethodFault? faultMessage:LocalizableMessage*?
RuntimeFault MethodFault
VimFault MethodFault
SecurityError RuntimeFault
NoPermission SecurityError object:ManagedObjectReference privilegeId:string
NotAuthenticated NoPermission
InvalidLogin VimFault
InvalidArgument RuntimeFault invalidProperty:string?
InvalidRequest RuntimeFault
InvalidType InvalidRequest argument:string?
MethodNotFound InvalidRequest receiver:ManagedObjectReference method:string
ManagedObjectNotFound RuntimeFault obj:ManagedObjectReference
InvalidProperty MethodFault name:string
InvalidCollectorVersion MethodFault
NotSupported RuntimeFault
RequestCanceled RuntimeFault
SystemError RuntimeFault reason:string
HostCommunication RuntimeFault
HostNotConnected HostCommunication
HostNotReachable HostCommunication
NotEnoughLicenses RuntimeFault
UnexpectedFault RuntimeFault faultName:string fault:LocalizedMethodFault?
RestrictedByAdministrator RuntimeFault details:string
OperationDisallowedOnHost RuntimeFault
MethodDisabled RuntimeFault source:string?
Timedout VimFault
NotFound VimFault
AlreadyExists VimFault name:string?
InvalidName VimFault name:string entity:ManagedObjectReference?
DuplicateName VimFault name:string object:ManagedObjectReference
ConcurrentAccess VimFault
TaskInProgress VimFault task:ManagedObjectReference
VmConfigFault VimFault
FileFault VimFault file:string
CannotAccessFile FileFault
CannotCreateFile FileFault
CannotDeleteFile FileFault
FileAlreadyExists FileFault
FileLocked FileFault
FileNotFound FileFault
FileNotWritable FileFault
FileTooLarge FileFault datastore:string fileSize:long maxFileSize:long?
NoDiskSpace FileFault datastore:string
NetworkCopyFault FileFault
SnapshotFault VimFault
ApplicationQuiesceFault SnapshotFault
FilesystemQuiesceFault SnapshotFault
SnapshotLocked SnapshotFault
SnapshotDisabled SnapshotFault
SnapshotIncompatibleDeviceInVm SnapshotFault fault:LocalizedMethodFault
MultipleSnapshotsNotSupported SnapshotFault
SnapshotNoChange SnapshotFault
TooManySnapshotLevels SnapshotFault
MemorySnapshotOnIndependentDisk SnapshotFault
InvalidState VimFault
InvalidPowerState InvalidState requestedState:VirtualMachinePowerState?
  existingState:VirtualMachinePowerState
InvalidHostState InvalidState host:ManagedObjectReference?
InvalidDatastoreState InvalidState datastoreName:string?
InvalidDatastore VimFault datastore:ManagedObjectReference? name:string?
InsufficientResourcesFault VimFault
QuestionPending InvalidState text:string
ToolsUnavailable VimFault
InvalidDeviceSpec InvalidVmConfig deviceIndex:int
VirtualHardwareVersionNotSupported VirtualHardwareCompatibilityIssue hostName:string
  host:ManagedObjectReference
DeviceNotSupported VirtualHardwareCompatibilityIssue device:string reason:string?
VirtualHardwareCompatibilityIssue VmConfigFault
GenericVmConfigFault VmConfigFault reason:string
OutOfBounds VimFault argumentName:string
`;
