package pm

// Limits are the two limits of the in-kernel path manager, each 0 to 8.
type Limits struct {
	AddAddrAccepted uint32 // ADD_ADDRs that may lead to a subflow, per connection
	Subflows        uint32 // subflows beside the initial one, per connection
}

// LimitsUpdate says which limits to set; nil leaves one as it is.
type LimitsUpdate struct {
	AddAddrAccepted *uint32
	Subflows        *uint32
}
